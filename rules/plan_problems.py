"""Why a plan file cannot be used, in Chinese: each problem with the entry that it is in."""

from typing import Any, cast

from pydantic import ValidationError


class PlanError(Exception):
    """A plan file cannot be used; the message names the file, the target and what to change."""


_PARTS = {
    "targets": "目标",
    "tasks": "任务",
    "duties": "定性事项",
    "chains": "产业链",
    "checks": "核对项",
    "registers": "台账",
}


def explain(name: str, raw: Any, error: ValidationError) -> str:
    """The problems of a file in Chinese, one a line, each with the entry it is in."""
    problems = [f"{name}：{_where(raw, problem['loc'])}{_what(dict(problem))}" for problem in error.errors()]
    return "\n".join(dict.fromkeys(problems))


def _where(raw: Any, loc: tuple[int | str, ...]) -> str:
    """The entry that a problem is in: 目标 T000-06（累计招引重点科创项目）."""
    for depth, step in enumerate(loc):
        if isinstance(step, int) and depth and loc[depth - 1] in _PARTS:
            entry = raw
            for part in loc[: depth + 1]:
                entry = entry[part]
            kind = _PARTS[str(loc[depth - 1])]
            if isinstance(entry, dict):
                fields = cast("dict[str, object]", entry)
                name = fields.get("name") or fields.get("title")
                label = str(fields.get("id") or f"第 {step + 1} 条")
                return f"{kind} {label}{f'（{name}）' if name else ''}："
            return f"{kind}第 {step + 1} 条："
    return ""


def _what(problem: dict[str, Any]) -> str:
    step = problem["loc"][-1] if problem["loc"] else "文件"
    key = "这一条" if isinstance(step, int) else step
    context: dict[str, Any] = problem.get("ctx") or {}
    match problem["type"]:
        case "missing":
            return f"缺少 {key}"
        case "extra_forbidden":
            return f"不认识的键 {key}，请检查拼写"
        case "enum" | "literal_error":
            allowed = str(context.get("expected", "")).replace("'", "").replace(", ", "、").replace(" or ", "、")
            return f"{key} 写的是“{problem['input']}”，应为 {allowed} 之一"
        case "value_error":
            return str(context["error"])
        case "count_kind" | "check_kind":
            return str(problem["msg"])
        case "string_pattern_mismatch":
            return f"{key} 写的是“{problem['input']}”，格式不对"
        case "decimal_parsing" | "decimal_type" | "int_parsing" | "int_type":
            return f"{key} 写的是“{problem['input']}”，应为数字"
        case "date_from_datetime_parsing" | "date_type" | "date_parsing":
            return f"{key} 写的是“{problem['input']}”，应为日期，如 2027-12-31"
        case "string_type":
            return f"{key} 写的是“{problem['input']}”，应为文字，必要时加引号"
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"{key} 应为若干“键: 值”"
        case "tuple_type":
            return f"{key} 应为一列，每条以“- ”开头或写成 [甲, 乙]"
        case "too_short":
            return f"{key} 不能为空"
        case _:
            return f"{key} 不合要求：{problem['msg']}"
