//! The steps that only a store app has: its events, its ticket, its app token, and its token in a tenant.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::advice::{Advice, AppPages, Role};
use super::app_checks::{bearer, no_token, refused, token_in};
use super::call::{Caller, RawAnswer};
use super::check::Check;
use super::finding::Finding;
use super::progress::{Look, Progress};
use crate::app;
use crate::clock::Clock;
use crate::config::{AppConfig, Config, StoreAppConfig};
use crate::feishu::token::{AppTicket, TicketStore};
use crate::model::seal::Seal;
use crate::model::tenant_key::TenantKey;
use crate::model::wording::Wording;

/// How long the push that was asked for may take to reach the gateway, and its Redis.
const PUSH_TAKES: Duration = Duration::from_secs(5);
/// How often to look meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Feishu pushes a ticket about every hour. After so many minutes pushes were missed.
const MISSED_AFTER: i64 = 150;

/// A store app, and what it is examined with.
pub(super) struct StoreApp<'a> {
    pub(super) config: &'a Config,
    pub(super) clock: &'a Clock,
    pub(super) caller: &'a Caller,
    /// The operator's name for the app.
    pub(super) name: &'a str,
    pub(super) app: &'a AppConfig,
    pub(super) store: &'a StoreAppConfig,
    pub(super) pages: AppPages<'a>,
}

impl StoreApp<'_> {
    /// Takes the steps to a token in the tenant, if there is one. `reached` is whether Feishu can be called.
    pub(super) async fn token(
        &self,
        steps: &mut Progress<'_>,
        reached: Option<()>,
        tenant: Option<&TenantKey>,
    ) -> Option<HeaderValue> {
        let judge_events = async |()| Look::found(self.events(), ());
        steps.step(Check::Events, Some(()), judge_events).await;
        let ask = async |()| self.credentials().await;
        let accepted = steps.step(Check::Credentials, reached, ask).await;
        let look = async |()| self.ticket(tenant.is_some()).await;
        let ticket = steps.step(Check::Ticket, accepted, look).await;
        let fetch = async |ticket| self.app_token(&ticket).await;
        let app_token = steps.step(Check::AppToken, ticket, fetch).await;
        let Some(tenant) = tenant else {
            let leave_out = async |()| Look::<HeaderValue>::ends(left_out());
            return steps.step(Check::TenantToken, Some(()), leave_out).await;
        };
        let fetch = async |app_token: String| self.tenant_token(&app_token, tenant).await;
        steps.step(Check::TenantToken, app_token, fetch).await
    }

    /// What the configuration says about the app's events, and what the console must say.
    fn events(&self) -> Finding {
        let path = format!("/v1/events/{}", self.name);
        let server = &self.config.server;
        // The public address is that of the other listener.
        let public = server.public_url.as_ref().filter(|_| server.events_listen.is_none());
        let public = public.map_or("https://…", |it| it.as_str().trim_end_matches('/'));
        let (option, address) = match server.events_listen {
            Some(address) => ("server.events_listen", address),
            None => ("server.listen", server.listen),
        };
        let secrets = match (&self.store.encrypt_key, &self.store.verification_token) {
            (Some(_), Some(_)) => "encrypt_key, verification_token",
            (Some(_), None) => "encrypt_key",
            (None, _) => "verification_token",
        };
        let console = self.pages.console.events(&self.app.app_id);
        let detail = Wording::new(
            format!(
                "{secrets} set. The request URL in the console must be {public}{path}, and lead to {option} ({address}): {console}"
            ),
            format!(
                "已设置 {secrets}。开发者后台的请求地址应为 {public}{path}，并转到 {option}（{address}）：{console}"
            ),
        );
        Finding::ok(detail)
    }

    /// Asks Feishu to push a ticket: the only call that needs nothing but the app's id and secret.
    async fn credentials(&self) -> Look<()> {
        match self.post("auth/v3/app_ticket/resend", self.id_and_secret()).await {
            Ok(_) => Look::found(
                Finding::ok(Wording::new(
                    "accepted; Feishu was asked to push a ticket to the request URL",
                    "有效；已请求飞书向请求地址推送 app_ticket",
                )),
                (),
            ),
            Err(finding) => Look::ends(finding),
        }
    }

    /// The ticket that the gateway keeps. `is_needed`: without it, what this command was asked for cannot be done.
    async fn ticket(&self, is_needed: bool) -> Look<SecretString> {
        let store = match app::open_ticket_store(self.config, self.app, self.clock).await {
            Ok(store) => store,
            Err(why) => return Look::ends(self.unknown_ticket(&why, is_needed)),
        };
        let why = match (&store, self.newest(&store).await) {
            (_, Ok(Some(ticket))) => return Look::found(self.age(ticket.sent_at), ticket.ticket),
            (TicketStore::Memory, _) => {
                "the gateway keeps it in memory: neither state.url nor broadcasts.path is set"
            }
            (TicketStore::Redis(_), Ok(None)) => return Look::ends(self.no_ticket()),
            (TicketStore::File(_), Ok(None)) => "the file of broadcasts.path has none",
            (TicketStore::Redis(_) | TicketStore::File(_), Err(())) => {
                "what the gateway keeps cannot be read"
            }
        };
        Look::ends(self.unknown_ticket(why, is_needed))
    }

    /// The newest ticket, once the push that was asked for had time to arrive. The error: the store did not answer.
    async fn newest(&self, store: &TicketStore) -> Result<Option<AppTicket>, ()> {
        let seal = Seal::new(&self.app.app_secret);
        let until = self.clock.now() + PUSH_TAKES;
        loop {
            let ticket = store.load(&seal).await.map_err(drop)?;
            let may_arrive =
                matches!(store, TicketStore::Redis(_)) && self.clock.now() + LOOK_AGAIN < until;
            if ticket.is_some() || !may_arrive {
                return Ok(ticket);
            }
            self.clock.sleep_until(self.clock.now() + LOOK_AGAIN).await;
        }
    }

    fn age(&self, sent_at: Timestamp) -> Finding {
        let minutes = self.clock.wall().duration_since(sent_at).as_mins().max(0);
        let detail = Wording::new(
            format!("the gateway has one, which Feishu sent {minutes} min ago"),
            format!("网关已有，飞书在 {minutes} 分钟前发出"),
        );
        if minutes > MISSED_AFTER {
            return Finding::warning(detail).advising(self.open_the_way());
        }
        Finding::ok(detail)
    }

    fn no_ticket(&self) -> Finding {
        let detail = Wording::new(
            "the gateway has none in its Redis, although Feishu was asked to push one",
            "已请求飞书推送，但网关的 Redis 中没有",
        );
        Finding::failed(detail, self.open_the_way())
    }

    /// Whether the gateway has a ticket cannot be known here.
    fn unknown_ticket(&self, why: &str, is_needed: bool) -> Finding {
        let detail = Wording::new(
            format!("doctor hears no pushes itself, and does not see the gateway's ticket: {why}"),
            format!("doctor 自身收不到推送，也看不到网关的 app_ticket：{why}"),
        );
        let address = self.config.server.admin_listen;
        let advice = Advice {
            who: Role::Operator,
            what: Wording::new(
                format!(
                    "look at the running gateway: /metrics of server.admin_listen ({address}) has feishu_gateway_app_ticket_received_timestamp_seconds{{app=\"{}\"}} if the gateway has a ticket.",
                    self.name
                ),
                format!(
                    "查看运行中的网关：server.admin_listen（{address}）的 /metrics 若有 feishu_gateway_app_ticket_received_timestamp_seconds{{app=\"{}\"}}，则网关已有 app_ticket。",
                    self.name
                ),
            ),
            link: None,
        };
        if is_needed {
            Finding::failed(detail, advice)
        } else {
            Finding::warning(detail).advising(advice)
        }
    }

    fn open_the_way(&self) -> Advice {
        Advice::to(
            Role::Operator,
            "start the gateway, make POST /v1/events/NAME reachable from the internet, and have the request URL entered in the console. The log and feishu_gateway_events_total say which pushes arrive.",
            "启动网关，让公网可以访问 POST /v1/events/NAME，并在开发者后台填写请求地址。日志与 feishu_gateway_events_total 会显示收到的推送。",
        )
        .at(self.pages.console.events(&self.app.app_id))
    }

    async fn app_token(&self, ticket: &SecretString) -> Look<String> {
        let mut body = self.id_and_secret();
        body["app_ticket"] = json!(ticket.expose_secret());
        let answer = match self.post("auth/v3/app_access_token", body).await {
            Ok(answer) => answer,
            Err(finding) => return Look::ends(finding),
        };
        match token_in(&answer, "app_access_token") {
            Some(token) => Look::found(valid(&answer), token),
            None => Look::ends(no_token()),
        }
    }

    async fn tenant_token(&self, app_token: &str, tenant: &TenantKey) -> Look<HeaderValue> {
        let body = json!({"app_access_token": app_token, "tenant_key": tenant.as_str()});
        let answer = match self.post("auth/v3/tenant_access_token", body).await {
            Ok(answer) => answer,
            Err(finding) => return Look::ends(finding),
        };
        match token_in(&answer, "tenant_access_token").as_deref().and_then(bearer) {
            Some(token) => Look::found(valid(&answer), token),
            None => Look::ends(no_token()),
        }
    }

    fn id_and_secret(&self) -> Value {
        json!({"app_id": self.app.app_id, "app_secret": self.app.app_secret.expose_secret()})
    }

    /// The answer, if it is a success.
    async fn post(&self, path: &str, body: Value) -> Result<RawAnswer, Finding> {
        match self.caller.post(self.caller.url(path), None, &body).await {
            Ok(answer) if answer.code() == Some(0) => Ok(answer),
            other => Err(refused(&other, self.pages)),
        }
    }
}

fn valid(answer: &RawAnswer) -> Finding {
    let seconds = answer.body["expire"].as_i64().unwrap_or_default();
    Finding::ok(Wording::new(format!("valid for {seconds} s"), format!("剩余 {seconds} 秒")))
}

fn left_out() -> Finding {
    Finding::left_out(Wording::new(
        "left out, as is everything in a tenant: --tenant TENANT_KEY names one",
        "未检查；租户内的各步骤同样未检查：请用 --tenant TENANT_KEY 指定租户",
    ))
}
