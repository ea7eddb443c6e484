"""Around the hooks: who may ask, who waits, what is counted, and the worker that serves."""
