# Exports of notebooks, see docs/exports.md of cutpoint. Another environment's Jupyter may read this file too.
try:
    from cutpoint_jupyter.exports import configure
except ImportError:
    pass
else:
    configure(c)  # noqa: F821
