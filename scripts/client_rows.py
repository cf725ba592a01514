"""Real clients, one row each: where they come from, how they are told of a gateway, what they say.

Each runs in a home and a folder of its own. `$GATE` stands for the gateway's address and `$KEY` for
the caller's key, in arguments, environment and files. Facts: `ecosystem.md` 4 and 4.1.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, json

from headgate.lab.scripts.agents import SAID

ASK = "Use your shell tool to say something, then repeat what it said."
EDITED = "note.txt"
# Answered by the lab's echo: aider finds the whole file in it and writes that file.
EDIT = f"Take this.\n{EDITED}\n```\n{SAID}\n```\n"


class Client(Struct, frozen=True, kw_only=True):
    """One client. `home` and `work` are files by their path in those folders.

    `behaviour` and `wire` are what answers it. It has done its errand if it prints `says`, or if
    there is `says` in the file `writes` of its folder.
    """

    name: str
    npm: str = ""
    pypi: str = ""
    command: tuple[str, ...]
    model: str
    wire: str
    environment: Mapping[str, str] = {}
    home: Mapping[str, str] = {}
    work: Mapping[str, str] = {}
    behaviour: str = "agent"
    says: str = SAID
    writes: str = ""


def _json(value: object) -> str:
    return json.encode(value).decode()


def _codex(*, websockets: bool) -> str:
    return f"""
model_provider = "headgate"
model = "gpt-5.1"
check_for_update_on_startup = false
[analytics]
enabled = false
[model_providers.headgate]
name = "headgate"
base_url = "$GATE/v1"
env_key = "HEADGATE_KEY"
wire_api = "responses"
supports_websockets = {"true" if websockets else "false"}
"""


_CODEX = ("codex", "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox")

CLIENTS = (
    Client(
        name="Claude Code",
        npm="@anthropic-ai/claude-code@2.1.330",
        command=("claude", "-p", ASK, "--allowedTools", "Bash", "--model", "claude-sonnet-4-5"),
        model="claude-sonnet-4-5",
        wire="openai_chat",
        environment={
            "ANTHROPIC_BASE_URL": "$GATE",
            "ANTHROPIC_API_KEY": "$KEY",
            "ANTHROPIC_DEFAULT_HAIKU_MODEL": "claude-sonnet-4-5",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_TELEMETRY": "1",
        },
    ),
    Client(
        name="Claude Code",
        npm="@anthropic-ai/claude-code@2.1.330",
        command=("claude", "-p", ASK, "--allowedTools", "Bash", "--model", "claude-sonnet-4-5"),
        model="claude-sonnet-4-5",
        wire="gemini",
        environment={
            "ANTHROPIC_BASE_URL": "$GATE",
            "ANTHROPIC_AUTH_TOKEN": "$KEY",
            "ANTHROPIC_DEFAULT_HAIKU_MODEL": "claude-sonnet-4-5",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_TELEMETRY": "1",
        },
    ),
    Client(
        name="Codex",
        npm="@openai/codex@0.169.0",
        command=(*_CODEX, ASK),
        model="gpt-5.1",
        wire="anthropic",
        environment={"HEADGATE_KEY": "$KEY"},
        home={".codex/config.toml": _codex(websockets=False)},
    ),
    Client(
        name="Codex, WebSocket",
        npm="@openai/codex@0.169.0",
        command=(*_CODEX, ASK),
        model="gpt-5.1",
        wire="gemini",
        environment={"HEADGATE_KEY": "$KEY"},
        home={".codex/config.toml": _codex(websockets=True)},
    ),
    Client(
        name="Gemini CLI",
        npm="@google/gemini-cli@0.61.0",
        command=("gemini", "-p", ASK, "--yolo", "-m", "gemini-3.8-flash"),
        model="gemini-3.8-flash",
        wire="openai_chat",
        environment={
            "GOOGLE_GEMINI_BASE_URL": "$GATE",
            "GEMINI_API_KEY": "$KEY",
            "GEMINI_TELEMETRY_ENABLED": "false",
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
        },
        home={
            ".gemini/settings.json": _json(
                {
                    "security": {"auth": {"selectedType": "gemini-api-key"}},
                    "privacy": {"usageStatisticsEnabled": False},
                    "general": {"disableAutoUpdate": True, "disableUpdateNag": True},
                }
            )
        },
    ),
    Client(
        name="opencode",
        npm="opencode-ai@1.18.33",
        command=("opencode", "run", "-m", "headgate/claude-sonnet-4-5", ASK),
        model="claude-sonnet-4-5",
        wire="anthropic",
        environment={
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_SHARE": "1",
        },
        work={
            "opencode.json": _json(
                {
                    "autoupdate": False,
                    "share": "disabled",
                    "permission": {"bash": "allow"},
                    "provider": {
                        "headgate": {
                            "npm": "@ai-sdk/openai-compatible",
                            "options": {"baseURL": "$GATE/v1", "apiKey": "$KEY"},
                            "models": {"claude-sonnet-4-5": {}},
                        }
                    },
                }
            )
        },
    ),
    Client(
        name="aider",
        pypi="aider-chat==0.86.2",
        command=(
            *("aider", "--model", "openai/gemini-3-pro", "--edit-format", "whole", "--no-git"),
            *(
                "--yes-always",
                "--no-check-update",
                "--analytics-disable",
                "--no-show-release-notes",
            ),
            *("--no-show-model-warnings", "--no-gitignore", "--message", EDIT, EDITED),
        ),
        model="gemini-3-pro",
        wire="gemini",
        environment={"OPENAI_API_BASE": "$GATE/v1", "OPENAI_API_KEY": "$KEY"},
        work={EDITED: "empty\n"},
        behaviour="echo",
        writes=EDITED,
    ),
    Client(
        name="llm",
        pypi="llm==0.36",
        command=("llm", "-m", "headgate", "-T", "llm_version", "Which version are you?"),
        model="claude-sonnet-4-5",
        wire="bedrock_converse",
        environment={"LLM_USER_PATH": "llm"},
        work={
            "llm/extra-openai-models.yaml": (
                "- model_id: headgate\n  model_name: claude-sonnet-4-5\n  api_base: $GATE/v1\n"
                "  api_key_name: headgate\n  supports_tools: true\n"
            ),
            "llm/keys.json": _json({"headgate": "$KEY"}),
        },
        says="The tool said 0.36",
    ),
)
