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
    "enterprise_place": "企业所在区域和园区的历次情况",
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
    "message": "企业来信",
    "answered_once": "接口请求的应答",
    "breakdown_acknowledgement": "任务分解的差额说明",
    "breakdown_share": "任务分解",
    "bulletin_text": "通报文字",
    "column_choice": "导入的列对应",
    "division_change": "区划调整",
    "enterprise_alias": "合并后的编号",
    "enterprise_apart": "认定为不同企业",
    "enterprise_end": "企业注销或吊销",
    "enterprise_merge": "企业档案合并",
    "enterprise_merge_row": "合并时转入的记录",
    "enterprise_move": "企业迁移",
    "enterprise_officer": "企业的责任人",
    "enterprise_split": "企业分立",
    "exchange_reconciliation": "对账",
    "export_job": "导出任务",
    "fact_flag_answer": "疑点的答复",
    "filing_window": "申报期",
    "filing_withdrawal": "撤回填报",
    "import_decision": "导入时的人工判断",
    "import_touched": "导入改动的记录",
    "plan_version": "规划",
    "points_result": "创新积分",
    "policy_enjoyed": "享受的政策",
    "pool_move": "培育阶段变动",
    "register_declaration": "名册齐全的声明",
    "register_entry": "名册条目",
    "renewal_window": "复核期",
    "saved_view": "保存的筛选",
    "service_action": "服务事项",
    "service_change": "服务档案的改动",
    "service_step": "服务档案的步骤",
    "service_visit": "走访",
    "task_note": "任务进展",
    "task_paper": "任务佐证",
    "webhook_endpoint": "推送订阅",
    "zone_figure": "园区数据",
}
#: Columns as the auditor reads them; what a table alone knows keeps the name it has there.
FIELDS: Final = {
    "active_until": "有效期至",
    "body": "内容",
    "credit_code": "统一社会信用代码",
    "decided_by": "决定人",
    "due_on": "期限",
    "enterprise_id": "企业编号",
    "granted_on": "认定日期",
    "id": "编号",
    "import_id": "导入编号",
    "industry_code": "行业代码",
    "is_active": "在用",
    "issued_on": "发布日期",
    "kind": "种类",
    "level": "级别",
    "login": "用户名",
    "name": "名称",
    "note": "备注",
    "number": "编号（证书）",
    "officer_id": "责任人",
    "park": "园区",
    "period_end": "期末",
    "person_id": "用户编号",
    "plan": "规划",
    "programme": "认定项目",
    "quarter_end": "季度末",
    "reason": "事由",
    "received_on": "收到日期",
    "recorded_at": "记录时间",
    "recorded_by": "记录人",
    "region_code": "区划代码",
    "released_on": "发布日期",
    "revision": "修订次数",
    "revoked_on": "取消日期",
    "role": "角色",
    "source": "数据来源",
    "stage": "阶段",
    "state": "状态",
    "status": "状态",
    "superseded_at": "被替代时间",
    "target": "目标",
    "town": "镇街",
    "url": "网址",
    "valid_from": "有效期自",
    "valid_to": "有效期至",
    "value": "数值",
    "withdrawn_at": "撤回时间",
    "year": "年度",
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
        """Column in words, what it was, what it became; as far as something was or became."""
        names: dict[str, None] = dict.fromkeys([*(self.before or {}), *(self.after or {})])
        return [(FIELDS.get(name, name), _told(self.before, name), _told(self.after, name)) for name in names]


def _told(values: Mapping[str, Any] | None, name: str) -> str:
    value = (values or {}).get(name)
    return "" if value is None else str(value)
