//! The tenants in which an API key may forward.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::tenant_key::TenantKey;

/// The tenants in which an API key may forward. Clones share the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tenants {
    /// The key's app is a self-built one: requests name no tenant.
    #[default]
    None,
    /// These tenants of a store app, at least one.
    These(Arc<BTreeSet<TenantKey>>),
    /// Every tenant of a store app.
    Any,
}

impl Tenants {
    /// The longest list.
    pub const MOST: usize = 10_000;
    /// What stands for every tenant.
    pub const ANY: &str = "*";

    /// One tenant.
    #[must_use]
    pub fn one(tenant: TenantKey) -> Self {
        Self::These(Arc::new(BTreeSet::from([tenant])))
    }

    /// Parses tenant keys, or a single `*`. The error is a sentence for the operator.
    pub fn parse<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<Self, &'static str> {
        let mut tenants = BTreeSet::new();
        let mut has_any = false;
        for key in keys {
            if key == Self::ANY {
                has_any = true;
            } else {
                let tenant = TenantKey::parse(key);
                tenants.insert(tenant.ok_or(
                    "must be tenant keys of 1 to 64 letters, digits, `_` and `-`, or \"*\"",
                )?);
            }
        }
        match (has_any, tenants.len()) {
            (true, 0) => Ok(Self::Any),
            (true, _) => Err("has \"*\" beside tenant keys: keep one of them"),
            (false, 0) => Err("must have at least one tenant key"),
            (false, 1..=Self::MOST) => Ok(Self::These(Arc::new(tenants))),
            (false, _) => Err("has more than 10000 tenant keys"),
        }
    }

    /// The tenant, if there is exactly one.
    #[must_use]
    pub fn only(&self) -> Option<&TenantKey> {
        match self {
            Self::These(tenants) if tenants.len() == 1 => tenants.first(),
            _ => None,
        }
    }

    /// Whether the key may forward in this tenant. None: without one, which is with a self-built app.
    #[must_use]
    pub fn admit(&self, tenant: Option<&TenantKey>) -> bool {
        match (self, tenant) {
            (Self::None, tenant) => tenant.is_none(),
            (_, None) => false,
            (Self::These(tenants), Some(tenant)) => tenants.contains(tenant),
            (Self::Any, Some(_)) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(keys: &str) -> Result<Tenants, &'static str> {
        Tenants::parse(keys.split(','))
    }

    fn tenant(key: &str) -> TenantKey {
        TenantKey::parse(key).expect("valid")
    }

    #[test]
    fn a_key_without_tenants_forwards_without_one_and_every_other_key_in_one() {
        let (a, c) = (tenant("a"), tenant("c"));
        for (tenants, admitted) in [
            (Tenants::None, [true, false, false]),
            (parse("a,b").expect("valid"), [false, true, false]),
            (parse("*").expect("valid"), [false, true, true]),
        ] {
            assert_eq!([None, Some(&a), Some(&c)].map(|it| tenants.admit(it)), admitted);
        }
    }

    #[test]
    fn only_a_list_of_one_has_an_only_tenant() {
        assert_eq!(parse("a").expect("valid").only(), Some(&tenant("a")));
        assert_eq!(parse("a,a").expect("valid"), Tenants::one(tenant("a")));
        for tenants in [Tenants::None, Tenants::Any, parse("a,b").expect("valid")] {
            assert_eq!(tenants.only(), None);
        }
    }

    #[test]
    fn what_is_no_list_of_tenant_keys_is_refused() {
        for keys in ["", "a b", "a,", "*,a", "a*", "**"] {
            assert!(parse(keys).is_err(), "{keys:?}");
        }
        assert!(Tenants::parse([]).is_err());
        let keys: Vec<String> = (0..=Tenants::MOST).map(|it| it.to_string()).collect();
        assert!(Tenants::parse(keys.iter().map(String::as_str)).is_err());
        assert!(Tenants::parse(keys.iter().skip(1).map(String::as_str)).is_ok());
    }
}
