//! The command: its arguments, and its exit codes.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::call::Caller;
use super::examination::Examination;
use super::output::Output;
use super::probing::{self, Probing};
use super::real_forward::Errand;
use crate::cli::config_file::{ConfigFile, environment};
use crate::cli::ending::{EXIT_CONFIG, complain, refuse};
use crate::cli::language::Tongue;
use crate::clock::Clock;
use crate::config::{self, AppConfig, Config};
use crate::feishu::options::Options;
use crate::model::message_id::MessageId;
use crate::model::receiver::{ReceiveIdType, Receiver};
use crate::model::tenant_key::TenantKey;
use crate::model::wording::Wording;

#[derive(Args)]
pub(in crate::cli) struct Doctor {
    #[command(flatten)]
    config: ConfigFile,
    /// Checks only this app of the configuration.
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// Checks store apps in this tenant too. Without it, no step that needs a tenant is taken.
    #[arg(long, value_name = "TENANT_KEY", value_parser = tenant)]
    tenant: Option<TenantKey>,
    /// Announces and then makes one real forward of this message. It costs a call, and the message is delivered.
    #[arg(long, value_name = "ID", requires = "receiver")]
    message: Option<String>,
    /// The receiver of the message.
    #[arg(long, value_name = "ID", requires = "message")]
    receiver: Option<String>,
    /// The type of the receiver's id. By default, it is detected.
    #[arg(long, value_name = "TYPE", requires = "receiver")]
    receive_id_type: Option<String>,
    /// Makes experiments to find out what Feishu's documentation does not say, after listing them. They make hundreds of
    /// calls, and deliver the message up to 35 times.
    #[arg(long, requires = "message")]
    probe: bool,
    /// How long the waiting experiments of the probe may take, at most 2h. To measure the lifetime of a `uuid`, use 70m.
    #[arg(long = "for", value_name = "DURATION", requires = "probe", default_value = "2m")]
    #[arg(value_parser = patience)]
    patience: Duration,
    /// Runs the probe without asking for consent.
    #[arg(long, requires = "probe")]
    yes: bool,
    /// Writes the probe's results to this file, without ids and secrets: as JSON if the name ends in .json, else as Markdown.
    #[arg(long, value_name = "PATH", requires = "probe")]
    report: Option<PathBuf>,
    /// Prints JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// The language of the output. By default, the one of `LANG`.
    #[arg(long, value_enum, value_name = "LANG")]
    lang: Option<Tongue>,
}

/// What a wrong use of the command is called, for standard error.
type Misuse = String;

/// Longest time for the experiments that wait.
const LONGEST_PATIENCE: Duration = Duration::from_hours(2);

fn patience(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time > LONGEST_PATIENCE {
        return Err("must be at most 2h".to_owned());
    }
    Ok(time)
}

fn tenant(text: &str) -> Result<TenantKey, String> {
    TenantKey::parse(text)
        .ok_or_else(|| "must be a tenant key: 1 to 64 letters, digits, `_` and `-`".to_owned())
}

impl Doctor {
    pub(in crate::cli) fn run(self) -> ExitCode {
        let config = match config::load(self.config.file.as_deref(), environment()) {
            Ok(config) => config,
            Err(errors) => return refuse(&errors),
        };
        let tongue =
            self.lang.unwrap_or_else(|| Tongue::of_environment(|name| std::env::var(name).ok()));
        let (apps, errand) = match self.apps(&config).and_then(|it| Ok((it, self.errand(tongue)?)))
        {
            Ok(chosen) => chosen,
            Err(misuse) => {
                complain(&misuse);
                return EXIT_CONFIG.into();
            }
        };
        if errand.is_some() && apps.len() > 1 {
            complain("--app: there are several apps; name the one that forwards");
            return EXIT_CONFIG.into();
        }
        if let Err(misuse) = self.check_tenant(&apps) {
            complain(&misuse);
            return EXIT_CONFIG.into();
        }
        let probing = match self.probing(tongue) {
            Ok(probing) => probing,
            Err(misuse) => {
                complain(&misuse);
                return EXIT_CONFIG.into();
            }
        };
        let output = Output::new(tongue, self.json, Box::new(io::stdout()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                complain(&format!("cannot start: {error}"));
                return ExitCode::FAILURE;
            }
        };
        let tenant = self.tenant.as_ref();
        let is_well =
            runtime.block_on(examine(&config, (&apps, tenant), errand.as_ref(), probing, output));
        // In the background, because a lookup at a silent name server would block the end.
        runtime.shutdown_background();
        match is_well {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                complain(&format!("cannot start: {error}"));
                ExitCode::FAILURE
            }
        }
    }

    /// The apps to look at.
    fn apps(&self, config: &Config) -> Result<BTreeMap<String, AppConfig>, Misuse> {
        let mut apps = config.apps.clone();
        if let Some(name) = &self.app {
            apps.retain(|known, _| known == name);
            if apps.is_empty() {
                let names: Vec<&str> = config.apps.keys().map(String::as_str).collect();
                return Err(format!("--app: must be one of {}", names.join(", ")));
            }
        }
        Ok(apps)
    }

    /// Whether a tenant is named where one is needed, and only there.
    fn check_tenant(&self, apps: &BTreeMap<String, AppConfig>) -> Result<(), Misuse> {
        let has_store_app = apps.values().any(|app| app.store.is_some());
        if self.tenant.is_some() && !has_store_app {
            return Err("--tenant: is only for a store app".to_owned());
        }
        if self.tenant.is_none() && self.message.is_some() && has_store_app {
            return Err("--tenant: must name the tenant in which the store app forwards".to_owned());
        }
        Ok(())
    }

    /// The probe, if it is asked for and agreed to.
    fn probing(&self, tongue: Tongue) -> Result<Option<Probing>, Misuse> {
        if !self.probe {
            return Ok(None);
        }
        let agreed = self.yes || probing::ask(tongue, self.patience);
        if !agreed {
            return Err("--probe: needs consent; add --yes to give it".to_owned());
        }
        Probing::new(self.patience, self.report.as_deref())
            .map(Some)
            .map_err(|error| format!("--report: {error}"))
    }

    /// What is to be forwarded, if anything is.
    fn errand(&self, tongue: Tongue) -> Result<Option<Errand>, Misuse> {
        let (Some(message), Some(receiver)) = (&self.message, &self.receiver) else {
            return Ok(None);
        };
        let misuse = |name: &str, why: Wording| format!("{name}: {}", tongue.pick(&why));
        let kind = self.receive_id_type.as_deref().map(ReceiveIdType::parse).transpose();
        let kind = kind.map_err(|why| misuse("--receive-id-type", why))?;
        Ok(Some(Errand {
            message: MessageId::parse(message).map_err(|why| misuse("--message", why))?,
            receiver: Receiver::parse(receiver, kind).map_err(|why| misuse("--receiver", why))?,
        }))
    }
}

/// Examines all apps, store apps in the tenant too if there is one. Whether all is well.
async fn examine(
    config: &Config,
    (apps, tenant): (&BTreeMap<String, AppConfig>, Option<&TenantKey>),
    errand: Option<&Errand>,
    probing: Option<Probing>,
    mut output: Output,
) -> reqwest::Result<bool> {
    let options = Options {
        base_url: config.feishu.base_url.clone(),
        authorities: config.feishu.tls.pem.ca.clone().unwrap_or_default(),
        connect_timeout: config.feishu.connect_timeout,
        attempt_timeout: config.feishu.attempt_timeout,
    };
    let clock = Clock::system();
    let caller = Caller::new(&options, &clock)?;
    output.say(&Wording::new(
        "This calls Feishu up to three times for each app: a token, its bot, its scopes. Feishu counts them towards the month's quota of small tenants.",
        "将为每个应用最多调用飞书三次：获取 token、查询机器人、查询权限。这些调用会计入小型企业的当月额度。",
    ));
    if apps.values().any(|app| app.store.is_some()) {
        output.say(&Wording::new(
            "For a store app it asks Feishu to push one ticket (app_ticket) to the request URL, which is harmless: the gateway uses the newest one. With --tenant it calls up to five times: the push, an app token, a tenant token, the bot, the scopes.",
            "对商店应用，将请求飞书向请求地址推送一次 app_ticket；这没有影响，网关会使用最新的一个。指定 --tenant 时最多调用五次：请求推送、应用 token、租户 token、机器人、权限。",
        ));
    }
    if let (Some(errand), Some(app)) = (errand, apps.keys().next()) {
        output.say(&errand.announcement(app));
    }
    let examination =
        Examination { config, options: &options, clock: &clock, caller: &caller, tenant };
    let ended_by = examination.network(&mut output).await;
    let mut token = None;
    for (name, app) in apps {
        token = examination.app(&mut output, (name, app), ended_by, errand).await;
    }
    let mut more = json!({});
    if let (Some(probing), Some(errand)) = (probing, errand) {
        if let Some(token) = token.filter(|_| !output.has_failed()) {
            more = probing.run(&mut output, &examination, &token, errand).await;
        } else {
            output.say(&Wording::new(
                "The probe did not run, because a step failed.",
                "由于存在失败的步骤，未进行探测。",
            ));
        }
    }
    more["calls"] = json!(caller.made());
    output.end(more);
    Ok(!output.has_failed())
}
