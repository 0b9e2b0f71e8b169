"""Writes the pages of the documentation that are made from the program itself.

``python -m docs.generator FOLDER`` from the root of the repository. The written pages of ``docs/`` are copied
beside them, so that FOLDER is all that the site's builder needs.
"""
