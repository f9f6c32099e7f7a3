"""What a newcomer reads when Tokenfab is up, and what a script reads."""

from typing import Any

from config.supervisor.plan import Plan

ENGINES = {
    "vllm": "vLLM is being prepared; its progress is below and on the status page",
    "simulator": "SIMULATED: answers are made up (ENGINE=simulator)",
    "given": "as given by ENGINE_URLS",
}


def endpoints(plan: Plan, login_path: str) -> dict[str, Any]:
    """`operator_login` and `mailbox` are null when there is none."""
    mailbox = f"{plan.portal_url}/dev/mailbox/" if plan.has_mailbox else None
    login = f"{plan.portal_url}{login_path}" if login_path else None
    return {
        "portal": plan.portal_url,
        "api": plan.api_url,
        "operator_login": login,
        "mailbox": mailbox,
        "engine": plan.engine,
    }


def announcement(plan: Plan, login_path: str) -> list[str]:
    places = endpoints(plan, login_path)
    mail = places["mailbox"] or "is sent by the server that EMAIL_URL names"
    login = places["operator_login"] or "failed: see operator_login above"
    return [
        "",
        "  Tokenfab is up.",
        "",
        f"  Portal     {places['portal']}",
        f"  API        {places['api']}/v1",
        f"  Operator   {login}",
        "             (signs the operator in, once)",
        f"  Mail       {mail}",
        f"  Engine     {ENGINES[plan.engine]}",
        f"  State      {plan.home}",
        "  Stop       Ctrl-C here, or `make down` anywhere",
        "",
    ]
