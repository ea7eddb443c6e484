"""`make fuzz`: ask the hook what nobody would ask, and hold every answer to what all must keep."""
