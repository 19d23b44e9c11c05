"""`doctor` looks at what the installer added, and tells of it also where the bot cannot start."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from bot import app
from bot.errors import ConfigError
from bot.settings import ClusterSettings, Settings, StoreSettings
from bot.settings_agent import RunbookSettings, ToolSettings
from bot.settings_mcp import McpServerSettings, McpSettings
from tests.integration.toolservers.test_servers import over_http, over_stdio
from tests.unit.threads.harness import KEY

TOOL = "- {name: NAME, description: d, command: NAME, command_desc: c}\n"


def make_settings(folder: Path, *servers: McpServerSettings, trusted: tuple[str, ...] = ()) -> Settings:
    """A bot without cluster, model and Slack, with tools and runbooks in the folder."""
    return Settings(
        store=StoreSettings(url=f"sqlite+aiosqlite:///{folder}/bot.db", key=SecretStr(KEY)),
        clusters=(ClusterSettings(name="prod", kubeconfig=str(folder / "none")),),
        tools=ToolSettings(path=str(folder / "tools")),
        runbooks=RunbookSettings(path=str(folder / "books")),
        mcp=McpSettings(servers=servers, trusted=trusted),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("tools", "books"):
        (tmp_path / name).mkdir()
    (tmp_path / "tools" / "helm.yaml").write_text(TOOL.replace("NAME", "helm"))
    (tmp_path / "books" / "dns.md").write_text("# DNS\nLook at CoreDNS.\n")
    return tmp_path


async def examine(settings: Settings, capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[str]]:
    """What it says of what works, and the problems of what was added."""
    capsys.readouterr()
    with pytest.raises(ConfigError) as refused:
        await app.doctor(settings)
    first, *problems = str(refused.value).splitlines()
    assert first == "kubectl-ai-slack cannot start yet:"
    cluster, *added, model, slack = (problem.removeprefix("  - ") for problem in problems)
    assert cluster.startswith("There is no kubeconfig ")
    assert model.startswith("Set GEMINI_API_KEY")
    assert slack.startswith("Set SLACK_BOT_TOKEN and SLACK_APP_TOKEN")
    out = [line for line in capsys.readouterr().out.splitlines() if "[info " not in line]
    return out, added


async def test_servers_of_both_kinds_tools_and_runbooks_are_told_although_the_cluster_is_away(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with over_http(folder / "notes") as remote:
        settings = make_settings(folder, remote, over_stdio(folder / "notes", "local"), trusted=("tickets",))

        out, problems = await examine(settings, capsys)

    assert problems == []
    assert out[:2] == [f"1 tool in {folder}/tools: helm.", f"1 runbook in {folder}/books."]
    assert out[2].startswith("The MCP server tickets lists 6 tools; those that say that they only read run without approval")
    assert out[3].startswith("The MCP server local lists 6 tools; each call waits for approval")
    assert len(out) == 4


async def test_everything_that_is_wrong_is_told_at_once_in_one_sentence_each(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "tools" / "bad.yaml").write_text("- [")
    (folder / "tools" / "twice.yaml").write_text(TOOL.replace("NAME", "helm"))
    (folder / "tools" / "clash.yaml").write_text(TOOL.replace("NAME", "tickets_search"))
    (folder / "books" / "folder.md").mkdir()
    gone = McpServerSettings(name="gone", command="/no/such/program")

    out, problems = await examine(make_settings(folder, gone, over_stdio(folder / "notes")), capsys)

    assert out[0] == f"2 tools in {folder}/tools: tickets_search, helm."
    assert [problem.split("/")[-1].split(" ")[0] if "/" in problem else problem for problem in problems] == [
        "bad.yaml",
        "The name of the tool helm of `tools.path` is taken: give it another.",
        "folder.md:",
        "program:",
        "Two tools are named tickets_search: rename the server tickets in `mcp.servers`.",
    ]
    assert all(problem.endswith(".") and "\n" not in problem for problem in problems)
