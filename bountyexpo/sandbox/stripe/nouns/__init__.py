"""The kinds of objects that the emulator knows, one file each."""
