"""What a load run plays."""
