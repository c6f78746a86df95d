//! The steps of one app: credentials, bot, scopes, allow list, quota, and whether the bot is in a chat.

use reqwest::header::HeaderValue;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::advice::{Advice, AppPages, Role, step_of, unknown};
use super::call::{Caller, NoAnswer, RawAnswer};
use super::check::Check;
use super::finding::Finding;
use super::network::same;
use super::progress::Look;
use crate::config::AppConfig;
use crate::feishu;
use crate::model::wording::Wording;

/// An answer about the app.
pub(super) type Asked = Result<RawAnswer, NoAnswer>;

/// The scopes of which a forward needs one (Feishu's documentation).
const SCOPES: [&str; 2] = ["im:message", "im:message:send_as_bot"];
/// The `grant_status` of a scope that is granted (Feishu's documentation).
const GRANTED: i64 = 1;
/// How many addresses of the allow list are shown.
const MOST_SHOWN: usize = 5;
/// Longest name or address that is shown, in characters.
const LONGEST: usize = 64;

/// Fetches a tenant token.
pub(super) async fn credentials(
    caller: &Caller,
    app: &AppConfig,
    pages: AppPages<'_>,
) -> Look<HeaderValue> {
    let body = json!({"app_id": app.app_id, "app_secret": app.app_secret.expose_secret()});
    let url = caller.url("auth/v3/tenant_access_token/internal");
    let answer = match caller.post(url, None, &body).await {
        Ok(answer) if answer.code() == Some(0) => answer,
        other => return Look::ends(refused(&other, pages)),
    };
    let Some(token) = token_in(&answer, "tenant_access_token").as_deref().and_then(bearer) else {
        return Look::ends(no_token());
    };
    let seconds = answer.body["expire"].as_i64().unwrap_or_default();
    let detail = Wording::new(
        format!("accepted; the token is valid for {seconds} s"),
        format!("有效；token 剩余 {seconds} 秒"),
    );
    Look::found(Finding::ok(detail), token)
}

/// The token that an answer holds as this member.
pub(super) fn token_in(answer: &RawAnswer, member: &str) -> Option<String> {
    let token = answer.body[member].as_str()?;
    let is_one = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    is_one.then(|| token.to_owned())
}

/// The header that carries a token, marked as sensitive.
pub(super) fn bearer(token: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// A success that lacks its token.
pub(super) fn no_token() -> Finding {
    Finding::failed(Wording::new("a success without a token", "返回成功但没有 token"), unknown())
}

/// Judges the answer about the bot.
pub(super) fn bot(asked: &Asked, pages: AppPages<'_>) -> Finding {
    let bot = match success(asked) {
        Ok(answer) => &answer.body["bot"],
        Err(code) => return refusal_of(Check::Bot, code, asked, pages),
    };
    let name = feishu::one_line(bot["app_name"].as_str().unwrap_or("?"), LONGEST);
    let status = bot["activate_status"].as_i64();
    let detail =
        |en: &str, zh: &str| Wording::new(format!("“{name}” {en}"), format!("“{name}”{zh}"));
    match status {
        Some(2) => Finding::ok(detail("is in use", "已启用")),
        Some(0) => Finding::failed(detail("is not yet installed", "尚未安装"), pages.publish()),
        Some(1) => {
            Finding::failed(detail("was stopped by the tenant", "已被企业停用"), pages.approve())
        }
        Some(3) => Finding::failed(
            detail("is installed and not yet enabled", "已安装，待启用"),
            pages.approve(),
        ),
        Some(4) => {
            Finding::warning(detail("has an upgrade that is not yet enabled", "有升级版本待启用"))
        }
        Some(5) => {
            Finding::failed(detail("has a licence that has expired", "许可证已过期"), renew(pages))
        }
        Some(6) => Finding::failed(
            detail("is on a plan that has expired or was downgraded", "所属套餐已到期或降级"),
            renew(pages),
        ),
        _ => Finding::warning(detail("is in an unknown state", "状态未知")),
    }
}

fn renew(pages: AppPages<'_>) -> Advice {
    Advice::to(
        Role::TenantAdmin,
        "renew the plan or the licence of the app.",
        "请为应用续费或恢复套餐。",
    )
    .at(pages.console.plan())
}

/// Judges the answer about the scopes.
pub(super) fn scopes(asked: &Asked, pages: AppPages<'_>) -> Finding {
    let answer = match success(asked) {
        Ok(answer) => answer,
        Err(code) => return refusal_of(Check::Scopes, code, asked, pages),
    };
    let Some(list) = answer.body["data"]["scopes"].as_array() else {
        let detail = Wording::new("the answer lists none", "响应中没有权限列表");
        return Finding::warning(detail);
    };
    let status_of = |wanted: &str| {
        let scope = list.iter().find(|it| it["scope_name"] == wanted)?;
        scope["grant_status"].as_i64()
    };
    let known: Vec<(&str, i64)> =
        SCOPES.iter().filter_map(|name| Some((*name, status_of(name)?))).collect();
    if let Some((name, _)) = known.iter().find(|(_, status)| *status == GRANTED) {
        let detail = Wording::new(format!("{name} is granted"), format!("已开通 {name}"));
        return Finding::ok(detail);
    }
    if let Some((name, _)) = known.first() {
        let detail = Wording::new(
            format!("{name} was requested, but is not granted"),
            format!("已申请 {name}，尚未开通"),
        );
        return Finding::failed(detail, pages.approve());
    }
    let names = SCOPES.join(", ");
    let detail = Wording::new(
        format!("a forward needs one of {names}; the app has none of them"),
        format!("转发需要以下权限之一，应用都没有开通：{names}"),
    );
    Finding::failed(detail, pages.add_scope())
}

/// Judges the allow list by what the bot shows, and by whether the calls were let through.
pub(super) fn allow_list(bot: &Asked, all: &[&Asked], pages: AppPages<'_>) -> Finding {
    if let Some(refused) = refusal_about(Check::AllowList, all) {
        return refused_answer(refused, pages);
    }
    let Ok(answer) = success(bot) else { return Finding::skipped(Check::Bot) };
    let list = answer.body["bot"]["ip_white_list"].as_array().map_or(&[][..], Vec::as_slice);
    if list.is_empty() {
        let detail = Wording::new("none: every address may call", "未设置：任何地址均可调用");
        return Finding::ok(detail);
    }
    let texts = list.iter().take(MOST_SHOWN).filter_map(Value::as_str);
    let shown: Vec<String> = texts.map(|it| feishu::one_line(it, LONGEST)).collect();
    let (count, shown) = (list.len(), shown.join(", "));
    Finding::ok(Wording::new(
        format!("this machine may call; the list has {count}: {shown}"),
        format!("本机可以调用；白名单共 {count} 项：{shown}"),
    ))
}

/// Judges the quota by whether a call was refused for it.
pub(super) fn quota(all: &[&Asked], pages: AppPages<'_>) -> Finding {
    if let Some(refused) = refusal_about(Check::Quota, all) {
        return refused_answer(refused, pages);
    }
    if all.iter().all(|it| it.is_err()) {
        return Finding::skipped(Check::Bot);
    }
    let plan = pages.console.plan();
    Finding::ok(Wording::new(
        format!("not used up. No API shows how much is left: {plan}"),
        format!("尚未用完。剩余额度无法通过接口查询：{plan}"),
    ))
}

/// Judges the answer to whether the bot is in a chat.
pub(super) fn membership(asked: &Asked) -> Finding {
    let is_in_chat = success(asked).ok().and_then(|it| it.body["data"]["is_in_chat"].as_bool());
    match is_in_chat {
        Some(true) => Finding::ok(Wording::new("the bot is in the chat", "机器人已在群中")),
        Some(false) => Finding::failed(
            Wording::new("the bot is not in the chat", "机器人不在群中"),
            Advice::to(Role::ChatAdmin, "add the bot to the chat.", "把机器人添加到群中。"),
        ),
        None => {
            let said = said(asked);
            Finding::warning(Wording::new(
                format!("could not be checked (this needs an im:chat scope): {}", said.en),
                format!("无法查询（需要 im:chat 类权限）：{}", said.zh),
            ))
        }
    }
}

/// The answer, if it is a success. The error is Feishu's code, if there is one.
fn success(asked: &Asked) -> Result<&RawAnswer, Option<i64>> {
    match asked {
        Ok(answer) if answer.code() == Some(0) => Ok(answer),
        Ok(answer) => Err(answer.code()),
        Err(_) => Err(None),
    }
}

/// The finding of a step whose call failed. A code that is about a later step, which judges all calls, is shown there.
fn refusal_of(check: Check, code: Option<i64>, asked: &Asked, pages: AppPages<'_>) -> Finding {
    match code.and_then(step_of) {
        Some(other @ (Check::AllowList | Check::Quota)) if other != check => {
            Finding::skipped(other)
        }
        _ => refused(asked, pages),
    }
}

/// The first refusal that is about this step.
fn refusal_about<'a>(check: Check, all: &[&'a Asked]) -> Option<&'a RawAnswer> {
    let answers = all.iter().filter_map(|it| it.as_ref().ok());
    let mut about = answers.filter(|it| it.code().and_then(step_of) == Some(check));
    about.next()
}

/// The finding of a step whose call failed.
pub(super) fn refused(asked: &Asked, pages: AppPages<'_>) -> Finding {
    match asked {
        Ok(answer) => refused_answer(answer, pages),
        Err(_) => Finding::failed(said(asked), no_answer()),
    }
}

fn refused_answer(answer: &RawAnswer, pages: AppPages<'_>) -> Finding {
    let advice = answer.code().map_or_else(no_answer, |code| pages.for_code(code));
    Finding::failed(said_by(answer), advice)
}

fn said(asked: &Asked) -> Wording {
    asked.as_ref().map_or_else(|error| same(error.cause()), said_by)
}

fn said_by(answer: &RawAnswer) -> Wording {
    match answer.code() {
        Some(code) => same(format!("{code} {}", answer.msg())),
        None => Wording::new(
            format!("HTTP {}, and the answer is not from Feishu", answer.status),
            format!("HTTP {}，不是飞书的响应", answer.status),
        ),
    }
}

fn no_answer() -> Advice {
    Advice::to(
        Role::Operator,
        "run this again. If the failure stays, check what is between the gateway and Feishu.",
        "请重试；若持续出现，请检查网关与飞书之间的网络设备。",
    )
}
