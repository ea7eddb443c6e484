"""`make mutation`: change the modules that decide, one thing at a time, and see a test fail."""
