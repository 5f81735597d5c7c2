"""What can go wrong where somebody signs in at the city's single sign-on.

SignOnFailed
├── NotConfigured      there is none
├── ProviderAway       it does not answer, or not as agreed
├── AttemptOver        the answer belongs to no attempt of this browser
├── ProviderRefused    it said no
├── AnswerUntrusted    what it sent cannot be believed
├── NobodysAccount     nobody here is bound to whoever signed in there
├── NoEnterprisesAccount  the credit code that it vouches for has no account to bind
├── NothingOpened         nor can one be opened by it:
│   ├── CodeNotRight        it is no credit code
│   ├── NotRegistered       no enterprise of the registry has it
│   ├── EnterpriseEnded     the enterprise is no more
│   └── AccountElsewhere    there are accounts already
└── BindingRefused     the account cannot be bound
"""

from datetime import date

from rules.translation import say


class SignOnFailed(Exception):
    """Signing in at the single sign-on came to nothing. `why` is for the trace, the message for whoever tried."""

    status_code = 401

    def __init__(self, told: str, why: str = "") -> None:
        super().__init__(told)
        self.why = why or told


class NotConfigured(SignOnFailed):
    status_code = 404

    def __init__(self) -> None:
        super().__init__(say("本系统没有启用统一身份认证，请用用户名和口令登录。"), "没有启用统一身份认证")


class ProviderAway(SignOnFailed):
    status_code = 503

    def __init__(self, why: str) -> None:
        super().__init__(
            say("统一身份认证暂时无法使用，请稍后再试；有本系统口令的，可以先用用户名和口令登录。"),
            f"统一身份认证无法使用：{why}",
        )


class AttemptOver(SignOnFailed):
    status_code = 400

    def __init__(self, why: str = "登录请求不存在、已用过、已过期，或不是这个浏览器发起的") -> None:
        super().__init__(say("这次登录已过期或已经用过，请重新点“统一身份认证登录”。"), why)


class ProviderRefused(SignOnFailed):
    def __init__(self, why: str) -> None:
        super().__init__(say("统一身份认证没有通过（已取消，或对方拒绝）。请重新登录；仍不行请联系系统管理员。"), why)


class AnswerUntrusted(SignOnFailed):
    def __init__(self, why: str) -> None:
        super().__init__(
            say(
                "统一身份认证返回的信息没有通过校验，没有登录。请重新登录；仍不行请把时间告诉系统管理员，从操作留痕里查原因。"
            ),
            why,
        )


class NobodysAccount(SignOnFailed):
    status_code = 403

    def __init__(self, subject: str) -> None:
        super().__init__(
            say(
                "统一身份“{subject}”还没有绑定本系统的账号。请把这串标识告诉系统管理员，在您的用户页面上绑定；"
                "收到邀请链接的，请从链接进入；企业请先开通企业账号。",
                subject=subject,
            ),
            f"没有绑定账号：{subject}",
        )


class NoEnterprisesAccount(SignOnFailed):
    """Which of the reasons it is, nobody is told: a stranger must not learn which enterprises have accounts."""

    status_code = 403

    def __init__(self, code: str, subject: str) -> None:
        super().__init__(
            say(
                "统一身份认证确认的统一社会信用代码“{code}”在本系统没有可绑定的企业账号（尚未激活、已绑定他人，或有不止一个）。"
                "请先凭激活函激活账号，或联系所在市（区）科技局。",
                code=code,
            ),
            f"信用代码“{code}”没有可绑定的企业账号：{subject}",
        )


class NothingOpened(SignOnFailed):
    """The bureau takes the provider's word for whom somebody acts for, and so may be told why it is not enough."""

    status_code = 403


class CodeNotRight(NothingOpened):
    def __init__(self, code: str, why: str) -> None:
        super().__init__(
            say(
                "统一身份认证给出的统一社会信用代码“{code}”不正确，没有开立账号。请先在统一身份认证中更正单位信息，再重新登录。",
                code=code,
            ),
            f"信用代码“{code}”不正确：{why}",
        )


class NotRegistered(NothingOpened):
    def __init__(self, code: str) -> None:
        super().__init__(
            say(
                "统一社会信用代码为“{code}”的单位还没有登记在库，没有开立账号。请联系所在市（区）科技局登记后再登录；"
                "不登录也可以使用资格自测。",
                code=code,
            ),
            f"信用代码“{code}”不在库中",
        )


class EnterpriseEnded(NothingOpened):
    def __init__(self, code: str, ended_on: date) -> None:
        super().__init__(
            say(
                "库中登记统一社会信用代码为“{code}”的单位已于 {day} 注销或吊销，没有开立账号。如登记有误，请联系所在市（区）科技局更正。",
                code=code,
                day=ended_on,
            ),
            f"信用代码“{code}”的企业已于 {ended_on} 终止",
        )


class AccountElsewhere(NothingOpened):
    def __init__(self, code: str) -> None:
        super().__init__(
            say(
                "统一社会信用代码为“{code}”的单位已开立过企业账号，没有另开。请用已有账号登录；要增加账号或换人办理，"
                "请向所在市（区）科技局申领激活码。",
                code=code,
            ),
            f"信用代码“{code}”的企业已有或有过账号",
        )


class BindingRefused(SignOnFailed):
    status_code = 409
