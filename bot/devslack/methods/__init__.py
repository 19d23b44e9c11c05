"""The Web API methods, one module per family. A method takes a `Call` and returns its answer or raises a refusal."""
