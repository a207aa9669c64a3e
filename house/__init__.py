"""What `./run` needs: virtual environment, front end, PostgreSQL, Valkey and Keel's own processes.

Standard library only: this package runs before the virtual environment exists.
"""
