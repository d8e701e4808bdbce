"""The bundled sample: what the first run works on."""
