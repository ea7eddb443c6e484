"""What a ConfigMapSyncer asks for, checked."""
