"""What is asked of the trace, and how its entries are told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from pydantic import BaseModel, field_validator

#: What was done → how it is told; a change of a row is told by its table.
ACTIONS: Final = {
    "insert": "新增",
    "update": "修改",
    "delete": "删除",
    "truncate": "清空",
    "read": "查看",
    "export": "导出",
    "unmask": "查看完整信息",
    "sign_in": "登录",
    "sign_in_failed": "登录失败",
    "activate": "激活企业账号",
    "activate_failed": "激活失败",
    "sign_out": "退出",
    "lock": "锁定",
    "confirm": "确认",
    "refuse": "退回",
    "withdraw": "撤回",
    "backup": "备份",
    "restore": "恢复",
    "purge": "清除留痕",
}
#: What it was done to.
SUBJECTS: Final = {
    "enterprise": "企业",
    "enterprise_name": "企业名称",
    "enterprise_region": "企业所在区域",
    "enterprise_identifier": "企业标识",
    "enterprise_chain": "企业产业链",
    "enterprise_trait": "企业产业链、行业、规上、上市的历次情况",
    "enterprise_contact": "企业联系人",
    "unmasking": "查看授权",
    "filing": "填报",
    "recognition": "认定",
    "reported_figure": "上报数",
    "import_run": "导入",
    "person": "用户",
    "person_role": "用户角色",
    "person_identity": "统一身份绑定",
    "session": "登录会话",
    "trace": "操作留痕",
    "attachment": "佐证材料",
    "paper": "文件",
    "pool_entry": "培育库",
    "exchange_client": "接入方",
    "exchange_receipt": "交换回执",
    "exchange_secret": "外部系统的密钥",
    "exchange_system": "拉取的外部系统",
    "exchange_token": "接入方令牌",
    "tax_authorisation": "涉税授权",
    "disclosure_consent": "对外提供的同意",
    "database": "数据库",
    "proposal": "待确认事项",
    "activation_code": "激活码",
    "receipt": "企业填报回执",
    "pool_application": "入库申请",
    "message_thread": "企业消息",
    "message": "企业消息",
}


class Asked(BaseModel):
    """What the auditor looks for; empty is everything. `before` is the position from which to go back."""

    on_or_after: date | None = None
    on_or_before: date | None = None
    who: str = ""
    action: str = ""
    subject: str = ""
    enterprise: str = ""
    words: str = ""
    before: int | None = None

    @field_validator("on_or_after", "on_or_before", "before", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the trace."""

    position: int
    at: datetime
    actor: str
    person_name: str | None
    role: str
    address: str
    request_id: str
    action: str
    subject: str
    subject_id: str
    enterprise_name: str | None
    outcome: str
    reason: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    @property
    def deed(self) -> str:
        """What was done, in words: 修改 企业."""
        done = ACTIONS.get(self.action, self.action)
        return f"{done} {SUBJECTS.get(self.subject, self.subject)}"

    @property
    def differences(self) -> list[tuple[str, str, str]]:
        """Column, what it was, what it became; as far as something was or became."""
        names: dict[str, None] = dict.fromkeys([*(self.before or {}), *(self.after or {})])
        return [(name, _told(self.before, name), _told(self.after, name)) for name in names]


def _told(values: Mapping[str, Any] | None, name: str) -> str:
    value = (values or {}).get(name)
    return "" if value is None else str(value)
