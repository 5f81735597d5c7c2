"""`tidu simulate …`: outside systems to practise against."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backend.console import Refused

if TYPE_CHECKING:
    from backend.exchange.simulation import Simulator

simulate = typer.Typer(no_args_is_help=True, help="模拟的外部系统（数据均为虚构），供联调、演示和练习。")
Host = Annotated[str, typer.Option(help="监听地址。")]
Port = Annotated[int, typer.Option(help="监听端口。")]
Size = Annotated[int, typer.Option(help="虚构企业的数量；与 tidu demo 的前若干家相同。", min=1, max=1_000_000)]
FaultsGiven = Annotated[
    str, typer.Option(help='故障开关（JSON），如 {"errors": 0.2, "duplicates": 0.1}；也可运行中 PUT /_faults。')
]


@simulate.command("tax")
def simulate_tax(host: Host = "127.0.0.1", port: Port = 8091, size: Size = 300, faults: FaultsGiven = "{}") -> None:
    """模拟税务系统：年度申报表、信用级别、违法公布。"""
    from backend.clock import today
    from backend.exchange.tax.fake import tax_simulator

    _serve(tax_simulator(size, today()), host, port, faults)


@simulate.command("credit")
def simulate_credit(host: Host = "127.0.0.1", port: Port = 8092, size: Size = 300, faults: FaultsGiven = "{}") -> None:
    """模拟创新积分系统：多个发布方的积分，并接收企业指标。"""
    from backend.clock import today
    from backend.exchange.credit.fake import credit_simulator

    _serve(credit_simulator(size, today()), host, port, faults)


def _serve(simulator: "Simulator", host: str, port: int, faults: str) -> None:
    import uvicorn
    from pydantic import ValidationError

    from backend.exchange.simulation import PRACTICE_KEY, PRACTICE_SECRET, Faults, simulator_app

    given = Path(faults[1:]).read_text() if faults.startswith("@") else faults
    try:
        simulator.behave(Faults.model_validate(json.loads(given)))
    except (ValueError, ValidationError) as problem:
        raise Refused(
            f"--faults 不是可用的故障开关：{problem}。可用的项见 tidu simulate 的 GET /_faults。"
        ) from problem
    typer.echo(
        f"模拟系统 {simulator.name}：http://{host}:{port}　密钥 {PRACTICE_KEY} / {PRACTICE_SECRET}　（按 Ctrl+C 停止）"
    )
    uvicorn.run(simulator_app(simulator), host=host, port=port, log_level="warning", server_header=False)
