"""What becomes of a record that was pulled, in words."""

from typing import Final

#: Those that are put aside, or taken in and looked at again.
FATES: Final = {
    "unauthorised": "没有授权", "unknown_enterprise": "库中没有的企业", "unusable": "不能用", "doubtful": "已采用，有疑点",
}  # fmt: skip
