//! The examination: all steps, in their order.

use reqwest::header::HeaderValue;
use serde_json::json;

use super::advice::AppPages;
use super::app_checks;
use super::call::{Caller, RawAnswer};
use super::check::Check;
use super::console::Console;
use super::network;
use super::output::Output;
use super::progress::{Look, Progress};
use super::real_forward::Errand;
use super::route::Route;
use super::store_app::StoreApp;
use crate::clock::Clock;
use crate::config::{AppConfig, Config};
use crate::feishu::options::Options;
use crate::model::receiver::ReceiveIdType;
use crate::model::tenant_key::TenantKey;
use crate::model::wording::Wording;

/// What is examined, and with what.
pub(super) struct Examination<'a> {
    pub(super) config: &'a Config,
    pub(super) options: &'a Options,
    pub(super) clock: &'a Clock,
    pub(super) caller: &'a Caller,
    /// The tenant in which store apps are examined.
    pub(super) tenant: Option<&'a TenantKey>,
}

impl Examination<'_> {
    /// Examines the way to Feishu. Returns the step without which no app can be examined.
    pub(super) async fn network(&self, output: &mut Output) -> Option<Check> {
        let Self { options, clock, caller, .. } = *self;
        let route = Route::to(&options.base_url);
        let base_url = options.base_url.as_str();
        output.section(&Wording::new("Feishu", "飞书"), base_url, &json!({"feishu": base_url}));
        let mut steps = Progress::new(output, None);

        let addresses = steps
            .step(Check::Address, Some(()), async |()| network::address(&route, clock).await)
            .await;
        let proxy = steps.step(Check::Proxy, Some(()), async |()| network::proxy(&route)).await;
        let timeout = options.connect_timeout;
        let connected = steps
            .step(Check::Tcp, addresses.zip(proxy), async |(addresses, ())| {
                network::tcp(&addresses, timeout, clock).await
            })
            .await;
        let answer = steps
            .step(Check::Tls, connected, async |()| {
                network::tls(&route, caller, timeout, clock).await
            })
            .await;
        let answer = steps.step(Check::Http, answer, async |answer| network::http(answer)).await;
        let judge_clock = async |answer: RawAnswer| network::clock(answer.date, clock.wall());
        steps.step(Check::Clock, answer, judge_clock).await;
        steps.ended_by()
    }

    /// Examines an app. `ended_by` is the step of the network without which it cannot be examined. Returns a tenant
    /// token.
    pub(super) async fn app(
        &self,
        output: &mut Output,
        (name, app): (&str, &AppConfig),
        ended_by: Option<Check>,
        errand: Option<&Errand>,
    ) -> Option<HeaderValue> {
        let Self { config, options, clock, caller, tenant } = *self;
        let pages = AppPages { console: Console::of(&options.base_url), app_id: &app.app_id };
        let facts = json!({"app": name, "app_id": app.app_id});
        output.section(&Wording::new("App", "应用"), &format!("{name} ({})", app.app_id), &facts);
        let mut steps = Progress::new(output, ended_by);

        let reached = ended_by.is_none().then_some(());
        let token = if let Some(store) = &app.store {
            let store_app = StoreApp { config, clock, caller, name, app, store, pages };
            let token = store_app.token(&mut steps, reached, tenant).await;
            // The other steps are in a tenant.
            tenant?;
            token
        } else {
            let fetch = async |()| app_checks::credentials(caller, app, pages).await;
            steps.step(Check::Credentials, reached, fetch).await
        };
        let ask_bot = async |token| {
            let asked = caller.get("bot/v3/info", token).await;
            Look::found(app_checks::bot(&asked, pages), asked)
        };
        let bot = steps.step(Check::Bot, token.as_ref(), ask_bot).await;
        let ask_scopes = async |token| {
            let asked = caller.get("application/v6/scopes", token).await;
            Look::found(app_checks::scopes(&asked, pages), asked)
        };
        let scopes = steps.step(Check::Scopes, token.as_ref(), ask_scopes).await;
        let both = || bot.as_ref().zip(scopes.as_ref());
        let judge_list = async |(bot, scopes)| {
            Look::found(app_checks::allow_list(bot, &[bot, scopes], pages), ())
        };
        steps.step(Check::AllowList, both(), judge_list).await;
        let judge_quota =
            async |(bot, scopes)| Look::found(app_checks::quota(&[bot, scopes], pages), ());
        steps.step(Check::Quota, both(), judge_quota).await;
        let Some(errand) = errand else { return token };

        if errand.receiver.kind() == ReceiveIdType::ChatId {
            let path = format!("im/v1/chats/{}/members/is_in_chat", errand.receiver.id());
            let ask = async |token| {
                let asked = caller.get(&path, token).await;
                Look::found(app_checks::membership(&asked), ())
            };
            steps.step(Check::Membership, token.as_ref(), ask).await;
        }
        let forward = async |token| {
            caller.count();
            Look::found(errand.run(options, clock, token, pages).await, ())
        };
        steps.step(Check::Forward, token.as_ref(), forward).await;
        token
    }
}
