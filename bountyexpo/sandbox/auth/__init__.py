"""The emulator of the auth server: the Supabase auth API over tables of its own."""
