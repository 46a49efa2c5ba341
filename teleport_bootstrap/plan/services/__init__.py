"""The sections of teleport.yaml, one module each: inputs in, a tree of sourced values out."""
