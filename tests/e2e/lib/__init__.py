# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end cases are made of: real programs under private folders."""
