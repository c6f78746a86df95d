//! The caller of a request that has something forwarded, and the tenant that the request names.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::{FromRequest, HttpRequest};

use crate::api::auth::extractor::authenticate;
use crate::api::auth::keyring::Authenticated;
use crate::api::input::mistakes::more_than_once;
use crate::api::problems::problem::{InvalidField, Problem};
use crate::model::api_key::Caller;
use crate::model::problem_kind::ProblemKind;
use crate::model::tenant_key::TenantKey;
use crate::model::tenants::Tenants;
use crate::model::wording::Wording;

/// The header that names the tenant in which a store app forwards.
pub(crate) const TENANT_KEY: &str = "X-Tenant-Key";
const X_TENANT_KEY: HeaderName = HeaderName::from_static("x-tenant-key");

/// The caller of a request that has something forwarded, in a tenant if its app is a store app.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    authenticated: Authenticated,
    /// The tenant that the request names, which is one of the caller's; or what is wrong with the header.
    named: Result<Option<TenantKey>, Wording>,
}

impl FromRequest for Sender {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(authenticate(request).and_then(|it| Self::of(it, request.headers())))
    }
}

impl Sender {
    /// The caller of a request with these headers. A tenant in which the caller may not forward is a problem; other
    /// mistakes in the header are told with those in the rest of the request.
    pub(crate) fn of(authenticated: Authenticated, headers: &HeaderMap) -> Result<Self, Problem> {
        let named = match named(headers) {
            Ok(Some(_)) if authenticated.tenants == Tenants::None => Err(Wording::new(
                "must be left out: the app of this API key is not a store app",
                "请勿传入：此 API 密钥的应用不是商店应用",
            )),
            named => named,
        };
        match &named {
            Ok(Some(tenant)) if !authenticated.tenants.admit(Some(tenant)) => Err(not_allowed()),
            _ => Ok(Self { authenticated, named }),
        }
    }

    /// The caller, in its tenant if there is only one.
    pub(crate) fn caller(&self) -> &Caller {
        &self.authenticated.caller
    }

    /// The caller in the tenant that the request names, or in the only one. The error is a mistake in [`TENANT_KEY`].
    pub(crate) fn in_named_tenant(&self) -> Result<Caller, Wording> {
        let Authenticated { caller, tenants } = &self.authenticated;
        let tenant = self.named.clone()?.or_else(|| caller.tenant.clone());
        if !tenants.admit(tenant.as_ref()) {
            return Err(Wording::new(
                "is missing: this API key forwards in several tenants, so each request must name one",
                "缺失：此 API 密钥可在多个租户中转发，每个请求都必须指明租户",
            ));
        }
        Ok(Caller { tenant, ..caller.clone() })
    }

    /// The caller in this tenant, that of an earlier request. The request need not name it.
    pub(crate) fn in_tenant(self, tenant: Option<&TenantKey>) -> Result<Caller, Problem> {
        let mistake = match self.named {
            Err(mistake) => Some(mistake),
            Ok(Some(named)) if Some(&named) != tenant => Some(Wording::new(
                "names another tenant than the broadcast was made for",
                "与该群发所属的租户不一致",
            )),
            Ok(_) => None,
        };
        if let Some(mistake) = mistake {
            return Err(Problem::invalid(vec![InvalidField::new(TENANT_KEY, mistake)]));
        }
        self.authenticated.in_tenant(tenant).map(|it| it.caller).ok_or_else(not_allowed)
    }
}

fn named(headers: &HeaderMap) -> Result<Option<TenantKey>, Wording> {
    let mut values = headers.get_all(X_TENANT_KEY);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(more_than_once());
    }
    let tenant = value.to_str().ok().and_then(TenantKey::parse);
    tenant.map(Some).ok_or_else(|| {
        Wording::new(
            "must be a tenant key: 1 to 64 letters, digits, `_` and `-`",
            "必须是 tenant_key：1 至 64 个字母、数字、`_` 或 `-`",
        )
    })
}

/// The problem of a tenant in which the caller may not forward.
pub(crate) fn not_allowed() -> Problem {
    let detail = Wording::new(
        "This API key may not forward in this tenant; nothing was sent.",
        "此 API 密钥不能在该租户中转发；消息未发送。",
    );
    Problem::new(ProblemKind::TenantNotAllowed, detail)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn sender(tenants: &str, named: &[&str]) -> Result<Sender, ProblemKind> {
        let tenants = match tenants {
            "" => Tenants::None,
            keys => Tenants::parse(keys.split(',')).expect("valid"),
        };
        let caller = Caller::in_test(tenants.only().cloned());
        let mut headers = HeaderMap::new();
        for value in named {
            let value = HeaderValue::from_str(value).expect("a value");
            headers.append(X_TENANT_KEY, value);
        }
        Sender::of(Authenticated { caller, tenants }, &headers).map_err(|it| it.kind)
    }

    /// The tenant in which the caller forwards, `-` for none, or what is wrong.
    fn tenant(tenants: &str, named: &[&str]) -> String {
        match sender(tenants, named).map(|it| it.in_named_tenant()) {
            Ok(Ok(caller)) => caller.tenant.map_or("-".to_owned(), |it| it.to_string()),
            Ok(Err(mistake)) => mistake.en.split([':', ' ']).next().expect("a word").to_owned(),
            Err(kind) => kind.facts().name.to_owned(),
        }
    }

    #[test]
    fn the_tenant_is_the_only_one_or_the_one_that_the_request_names() {
        for (tenants, named, expected) in [
            ("", &[][..], "-"),
            ("a", &[], "a"),
            ("a", &["a"], "a"),
            ("a", &["b"], "tenant_not_allowed"),
            ("a,b", &["b"], "b"),
            ("a,b", &["c"], "tenant_not_allowed"),
            ("*", &["c"], "c"),
            // Mistakes, which are told with others.
            ("", &["a"], "must"),
            ("a,b", &[], "is"),
            ("*", &[], "is"),
            ("*", &["a b"], "must"),
            ("*", &[""], "must"),
            ("*", &["a", "a"], "is"),
        ] {
            assert_eq!(tenant(tenants, named), expected, "{tenants} {named:?}");
        }
    }

    #[test]
    fn what_belongs_to_a_tenant_is_done_there_without_naming_it() {
        let a = TenantKey::parse("a").expect("valid");
        let done = |tenants, named: &[&str], tenant| {
            let caller = sender(tenants, named).expect("allowed").in_tenant(tenant);
            caller.map(|it| it.tenant).map_err(|problem| problem.kind)
        };
        assert_eq!(done("a,b", &[], Some(&a)), Ok(Some(a.clone())));
        assert_eq!(done("a,b", &["a"], Some(&a)), Ok(Some(a.clone())));
        assert_eq!(done("a,b", &["b"], Some(&a)), Err(ProblemKind::InvalidRequest));
        assert_eq!(done("b,c", &[], Some(&a)), Err(ProblemKind::TenantNotAllowed));
        assert_eq!(done("*", &[], None), Err(ProblemKind::TenantNotAllowed));
        assert_eq!(done("", &[], None), Ok(None));
    }
}
