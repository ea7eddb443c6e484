"""What to do about each copy, decided from what is observed."""
