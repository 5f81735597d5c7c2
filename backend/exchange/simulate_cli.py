"""`tidu simulate …`: outside systems to practise against."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

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


#: System → its port and what it is, in words.
SIMULATED: Final = {
    "tax": (8091, "模拟税务系统：年度申报表、信用级别、违法公布。"),
    "credit": (8092, "模拟创新积分系统：多个发布方的积分，并接收企业指标。"),
    "register": (8093, "模拟市场监管登记：名称、登记状态、注册资本。"),
    "lists": (8094, "模拟信用平台：经营异常、严重违法失信名单。"),
    "ip": (8095, "模拟知识产权数量：Ⅰ类、Ⅱ类和当年申请。"),
}


def _register(system: str, usual_port: int, words: str) -> None:
    def run(host: Host = "127.0.0.1", port: Port = usual_port, size: Size = 300, faults: FaultsGiven = "{}") -> None:
        from backend.clock import today
        from backend.exchange.practice import simulator_of

        _serve(simulator_of(system, size, today()), host, port, faults)

    simulate.command(system, help=words)(run)


for _system, (_port, _words) in SIMULATED.items():
    _register(_system, _port, _words)


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
    simulator.receipts.listener = typer.echo
    uvicorn.run(simulator_app(simulator), host=host, port=port, log_level="warning", server_header=False)
