//! The pages of Feishu's and of Lark's consoles on which people put an app right.

use url::Url;

/// The consoles of Feishu or of Lark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Console {
    Feishu,
    Lark,
}

impl Console {
    /// The consoles that belong to an API: those of Lark for Lark's own address, else those of Feishu.
    pub(super) fn of(base_url: &Url) -> Self {
        let host = base_url.host_str().unwrap_or_default();
        let is_lark = host == "larksuite.com" || host.ends_with(".larksuite.com");
        if is_lark { Self::Lark } else { Self::Feishu }
    }

    /// A page of an app in the developer console.
    fn developer(self, app_id: &str, page: &str) -> String {
        let host = match self {
            Self::Feishu => "open.feishu.cn",
            Self::Lark => "open.larksuite.com",
        };
        format!("https://{host}/app/{app_id}/{page}")
    }

    /// The app's id and secret.
    pub(super) fn credentials(self, app_id: &str) -> String {
        self.developer(app_id, "baseinfo")
    }

    /// The app's bot.
    pub(super) fn bot(self, app_id: &str) -> String {
        self.developer(app_id, "bot")
    }

    /// The app's scopes, with those of the gateway searched for.
    pub(super) fn scopes(self, app_id: &str) -> String {
        self.developer(app_id, "auth?q=im:message:send_as_bot&op_from=openapi&token_type=tenant")
    }

    /// The addresses that may call with the app.
    pub(super) fn allow_list(self, app_id: &str) -> String {
        self.developer(app_id, "safe")
    }

    /// The app's events: the request URL, the Encrypt Key and the Verification Token.
    pub(super) fn events(self, app_id: &str) -> String {
        self.developer(app_id, "event")
    }

    /// The app's versions and their publishing.
    pub(super) fn versions(self, app_id: &str) -> String {
        self.developer(app_id, "version")
    }

    /// Where an administrator enables an app and approves its versions.
    pub(super) fn admin(self) -> String {
        match self {
            Self::Feishu => "https://feishu.cn/admin/appCenter/audit".to_owned(),
            Self::Lark => "https://www.larksuite.com/admin/appCenter/audit".to_owned(),
        }
    }

    /// Where an administrator finds the tenant's plan and quotas.
    pub(super) fn plan(self) -> String {
        match self {
            Self::Feishu => "https://feishu.cn/admin".to_owned(),
            Self::Lark => "https://www.larksuite.com/admin".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larks_own_address_has_larks_consoles_and_every_other_one_feishus() {
        for (url, console) in [
            ("https://open.feishu.cn", Console::Feishu),
            ("https://open.larksuite.com", Console::Lark),
            ("https://notlarksuite.com", Console::Feishu),
            ("http://127.0.0.1:8090", Console::Feishu),
        ] {
            assert_eq!(Console::of(&url.parse().expect("a URL")), console, "{url}");
        }
        assert_eq!(
            Console::Lark.credentials("cli_1"),
            "https://open.larksuite.com/app/cli_1/baseinfo"
        );
    }
}
