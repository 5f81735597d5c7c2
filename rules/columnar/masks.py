"""Truth about many rows at once: an array of booleans, or one `bool` where all rows are alike.

Most of a registry's columns are wholly known or wholly unknown over a portion of rows, so that most of the logic is
settled here without touching an array.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Mask: TypeAlias = bool | NDArray[np.bool_]
Rows: TypeAlias = slice | NDArray[np.int64]


def settled(found: Any) -> Mask:
    """The result of a comparison as a mask: of numpy's scalars a plain `bool`."""
    return found if isinstance(found, np.ndarray) else bool(found)


def tidy(mask: Mask) -> Mask:
    """The same mask, as one `bool` where all rows are alike."""
    if isinstance(mask, bool):
        return mask
    if not mask.any():
        return False
    return True if mask.all() else mask


def both(left: Mask, right: Mask) -> Mask:
    if left is False or right is False:
        return False
    if left is True:
        return right
    return left if right is True else left & right


def either(left: Mask, right: Mask) -> Mask:
    if left is True or right is True:
        return True
    if left is False:
        return right
    return left if right is False else left | right


def inverse(mask: Mask) -> Mask:
    return not mask if isinstance(mask, bool) else ~mask


def but_not(left: Mask, right: Mask) -> Mask:
    """Rows of the left that are not of the right."""
    if left is False or right is True:
        return False
    if right is False:
        return left
    return ~right if left is True else left > right  # type: ignore[return-value]


def pick(where: Mask, yes: Mask, no: Mask) -> Mask:
    """One mask where the condition holds, the other elsewhere."""
    if where is True or yes is no:
        return yes
    return no if where is False else either(both(where, yes), but_not(no, where))


def holds_anywhere(mask: Mask) -> bool:
    return mask if isinstance(mask, bool) else bool(mask.any())


def spread(mask: Mask, size: int) -> NDArray[np.bool_]:
    """The mask as an array of a row each."""
    return mask if isinstance(mask, np.ndarray) else np.full(size, mask, dtype=np.bool_)


def taken(mask: Mask, rows: Rows) -> Mask:
    return mask if isinstance(mask, bool) else mask[rows]
