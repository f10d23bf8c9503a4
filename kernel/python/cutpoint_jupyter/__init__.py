"""What Jupyter's tools need to know of notebooks in Rust: papermill's parameters, nbconvert's exports."""
