"""Signing in to Slack at start: who we are, and whether the app may do what the bot needs. Each fault is one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import ConfigError
from bot.settings import SlackSettings
from bot.slack.door.scopes import find_missing
from bot.slack.door.throttle import Throttle
from bot.slack.door.web import Answer, Limited, Lost, Refused, Reply, WebApi
from bot.slack.parse import Bot

_DEAD_TOKENS = frozenset({"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type"})
_NO_BOT_TOKEN = "SLACK_BOT_TOKEN must be the bot token of the Slack app, which begins with xoxb-."  # noqa: S105 - a sentence
_LEAST_SECRET = 16
"""Characters below which a signing secret could be guessed."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An open door to Slack. `close` it last."""

    bot: Bot
    web: WebApi
    """As the bot."""
    app_web: WebApi
    """With the app-level token: opens Socket Mode connections."""
    bare: AsyncWebClient
    """Without a token: what Bolt and its sockets are given, and call nothing with."""
    session: aiohttp.ClientSession
    config_web: WebApi | None = None
    """With the app configuration token, if there is one: reads the app's manifest."""

    async def close(self) -> None:
        await self.session.close()


async def sign_in(settings: SlackSettings) -> SignedIn:
    """Raises ConfigError: no tokens, wrong ones, missing scopes, or no Slack at that address."""
    bot_token, app_token = settings.bot_token.get_secret_value().strip(), settings.app_token.get_secret_value().strip()
    _check_tokens(settings, bot_token, app_token)
    if urlsplit(settings.api_url).scheme not in {"http", "https"} or not urlsplit(settings.api_url).netloc:
        raise ConfigError(f"SLACK_API_URL must be an address such as https://slack.com/api/, not {settings.api_url!r}.")
    session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
    try:
        throttle = Throttle()

        def build(token: str | None) -> AsyncWebClient:
            client = AsyncWebClient(token, settings.api_url, session=session, retry_handlers=[])
            if is_local(settings.api_url):
                client.proxy = None  # the SDK takes the proxy of the environment for every address
            return client

        web = WebApi(build(bot_token), throttle)
        bot = _read_bot(await _try(web, "auth.test"), settings)
        config_token = settings.config_token.get_secret_value().strip()
        config_web = WebApi(build(config_token), throttle) if config_token else None
        return SignedIn(bot, web, WebApi(build(app_token), throttle), build(None), session, config_web)
    except BaseException:
        await session.close()
        raise


def is_local(api_url: str) -> bool:
    """Whether the address is this machine's own: no proxy leads there."""
    host = urlsplit(api_url).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")


async def _try(web: WebApi, method: str) -> Reply:
    reply = await web.send(method, {})
    return await web.send(method, {}) if isinstance(reply, Lost) else reply


def _check_tokens(settings: SlackSettings, bot_token: str, app_token: str) -> None:
    if settings.mode == "http":
        _check_secrets_of_http(bot_token, settings.signing_secret.get_secret_value().strip())
        return
    if not bot_token or not app_token:
        missing = " and ".join(name for name, token in (("SLACK_BOT_TOKEN", bot_token), ("SLACK_APP_TOKEN", app_token)) if not token)
        raise ConfigError(
            f"Set {missing}: the Slack app's pages “OAuth & Permissions” (xoxb-…) and “Basic Information” (xapp-…) show them."
        )
    if not bot_token.startswith("xoxb-"):
        raise ConfigError(_NO_BOT_TOKEN)
    if not app_token.startswith("xapp-"):
        raise ConfigError("SLACK_APP_TOKEN must be an app-level token with the scope connections:write, which begins with xapp-.")


def _check_secrets_of_http(bot_token: str, secret: str) -> None:
    if not bot_token or not secret:
        missing = " and ".join(name for name, value in (("SLACK_BOT_TOKEN", bot_token), ("SLACK_SIGNING_SECRET", secret)) if not value)
        raise ConfigError(
            f"Set {missing} for slack.mode http: the Slack app's pages “OAuth & Permissions” (xoxb-…) and “Basic Information” "
            "(signing secret) show them."
        )
    if not bot_token.startswith("xoxb-"):
        raise ConfigError(_NO_BOT_TOKEN)
    if len(secret) < _LEAST_SECRET or secret.startswith(("xapp-", "xoxb-")):
        raise ConfigError(
            "SLACK_SIGNING_SECRET must be the app's signing secret (32 hexadecimal digits on “Basic Information”), not a token."
        )


def _read_bot(reply: Reply, settings: SlackSettings) -> Bot:
    match reply:
        case Refused(error) if error in _DEAD_TOKENS:
            raise ConfigError(f"Slack does not accept SLACK_BOT_TOKEN ({error}); copy it again from the app's page “OAuth & Permissions”.")
        case Refused(error):
            raise ConfigError(f"Slack refused to say who the bot is ({error}); check SLACK_BOT_TOKEN and the app's installation.")
        case Limited(seconds):
            raise ConfigError(f"Slack limits this app for {seconds:g} s; start again after that.")
        case Lost(why):
            raise ConfigError(f"Slack cannot be reached at {settings.api_url}: {why}; check SLACK_API_URL and the network.")
        case Answer(data, headers):
            _check_scopes(headers.get("x-oauth-scopes"))
            user_id, bot_id, team_id = (str(data.get(name) or "") for name in ("user_id", "bot_id", "team_id"))
            if not (user_id and bot_id and team_id):
                raise ConfigError("SLACK_BOT_TOKEN belongs to no bot of a workspace; use the token of the app's bot user (xoxb-…).")
            return Bot(user_id, bot_id, team_id, str(data.get("url") or ""))


def _check_scopes(header: str | None) -> None:
    """Slack names the token's scopes in every answer; a server that does not is taken at its word."""
    if missing := find_missing(header):
        raise ConfigError(f"The Slack app lacks the bot scopes {', '.join(missing)}; add them to the app and install it again.")


def explain_connection(reply: Reply, settings: SlackSettings) -> str:
    """Why no Socket Mode connection could be opened, in one sentence."""
    match reply:
        case Refused(error) if error in _DEAD_TOKENS:
            return f"Slack does not accept SLACK_APP_TOKEN ({error}); create an app-level token with the scope connections:write."
        case Refused("missing_scope"):
            return "SLACK_APP_TOKEN lacks the scope connections:write; create an app-level token that has it."
        case Refused(error):
            return f"Slack refused a Socket Mode connection ({error}); turn Socket Mode on in the app's settings."
        case Limited(seconds):
            return f"Slack limits Socket Mode connections of this app for {seconds:g} s; start again after that."
        case Lost(why):
            return f"Slack cannot be reached at {settings.api_url}: {why}; check SLACK_API_URL and the network."
        case Answer():
            return "Slack opened a Socket Mode connection but gave no address for it; check SLACK_API_URL."
