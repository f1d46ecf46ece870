"""What `sanse up` tells a person: one line a step, then addresses and log-ins, in Chinese and English."""

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from launcher.accounts import start_pages
from launcher.stackfile import StackFile

ROLES = {
    "supervisor": "监理 Supervisor",
    "supervisor_lead": "监理组长 Lead",
    "enterprise": "企业 Enterprise",
    "officer": "局方 Officer",
    "section_head": "科长 Section head",
    "auditor": "审计 Auditor",
    "admin": "管理员 Administrator",
}
HEADINGS = ("角色 Role", "用户名 Login", "密码 Password", "首页 Start page", "单位 Organisation")
WIDE = 110
"""Columns from which the organisations fit in."""
LABEL = 24
SHOWN_OF_A_ROLE = 2
ENTERPRISE_START = "/todo"
PUBLIC_START = "/public"


class Screen:
    """Writes to a terminal, or plain lines where there is none."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        if not self._console.is_terminal:
            self._console.width = WIDE

    def _line(self, mark: str, style: str, text: str) -> None:
        self._console.print(Text(mark, style=style) + Text(text), soft_wrap=True)

    def done(self, what: str, detail: str = "") -> None:
        """A step is done."""
        self._line("✓ ", "green", set_cell_size(what, max(cell_len(what), LABEL)) + f" {detail}".rstrip())

    def note(self, line: str) -> None:
        """Something worth knowing happened."""
        self._line("! ", "yellow", line)

    def doing(self, line: str) -> None:
        """A long step begins."""
        self._line("… ", "dim", line)

    def progress(self) -> Progress:
        """A display of long work: bars on a terminal, nothing but the end elsewhere."""
        return Progress(console=self._console, disable=not self._console.is_terminal)

    def ready(self, stack: StackFile, folder: str) -> None:
        """Addresses of a stack that is ready."""
        gateway = stack["gateway"]
        self._console.print()
        self.done("平台 Portal", stack["web"])
        self.done("数采仪 HJ 212 gateway", f"{gateway['host']}:{gateway['port']}")
        for name in ("ingest", "detection", "casework", "grading", "identity"):
            self.done(f"接口 API {name}", f"{stack[name]}/docs")
        self.done("数据 Data", folder)

    def logins(self, stack: StackFile) -> None:
        """The demo's log-ins, and one call to try."""
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
        wide = self._console.width >= WIDE
        for heading in HEADINGS if wide else HEADINGS[:-1]:
            table.add_column(heading, no_wrap=True)
        starts, shown, hidden = start_pages(), dict.fromkeys(ROLES, 0), 0
        for login in sorted(stack["logins"], key=lambda login: list(ROLES).index(login["role"])):
            role = login["role"]
            shown[role] += 1
            if shown[role] > SHOWN_OF_A_ROLE:
                hidden += 1
                continue
            start = starts.get(login["username"], ENTERPRISE_START)
            cells = (ROLES[role], login["username"], login["password"], start, login["organisation"])
            table.add_row(*(cells if wide else cells[:-1]))
        table.add_row("公众 Public", "—", "—", PUBLIC_START)
        self._console.print()
        self._console.print(table)
        if hidden:
            self._console.print(f"另有 {hidden} 家企业账号，见 stack.json · {hidden} more enterprises in stack.json")
        self._console.print()
        client = next(client for client in stack["clients"] if client["role"] == "supervisor")
        self._console.print(
            Text(
                f"试一试 Try: curl -s -u {client['client_id']}:{client['client_secret']} "
                f"-d grant_type=client_credentials {stack['identity']}/oauth/token"
            ),
            soft_wrap=True,
        )

    def admin(self, username: str, password: str) -> None:
        """The administrator's password, shown this once."""
        self._console.print()
        self._console.print(Text("管理员 Administrator (仅显示一次 shown this once)", style="bold"))
        self._console.print(Text(f"  用户名 Login     {username}\n  密码 Password    {password}"))

    def hint(self) -> None:
        """How to end it."""
        self._console.print()
        self._console.print("Ctrl-C 停止 stops everything.")

    def bye(self) -> None:
        """All is stopped."""
        self.done("已停止 Stopped")
