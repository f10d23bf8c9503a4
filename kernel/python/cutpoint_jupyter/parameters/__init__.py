"""papermill's parameters for notebooks in Rust.

papermill writes a cell of parameters in the notebook's language, and does not know Rust. It imports the engines that
installed packages offer; this package offers one, and registers its translator meanwhile.
"""

# Comes first: importing papermill imports `engine`, which must not be half imported by then.
import papermill  # noqa: F401
