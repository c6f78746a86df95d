//! The steps to Feishu's door: address, proxy, TCP, TLS, HTTP and the clock. They are the same for all apps.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::net::{TcpStream, lookup_host};

use super::advice::{Advice, Role};
use super::call::{Caller, NoAnswer, RawAnswer};
use super::certificate;
use super::finding::Finding;
use super::handshake;
use super::progress::Look;
use super::route::Route;
use crate::clock::Clock;
use crate::model::wording::Wording;

/// How long a name may take to be looked up.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);
/// How many addresses are tried, and shown.
const MOST_ADDRESSES: usize = 4;
/// By how much the clock may differ. The header has whole seconds, and the answer takes its way.
const MOST_SKEW: SignedDuration = SignedDuration::from_secs(60);

/// Looks the first host up: the proxy looks up Feishu's.
pub(super) async fn address(route: &Route, clock: &Clock) -> Look<Vec<SocketAddr>> {
    let (host, port) = route.first_hop();
    let lookup = clock.timeout_at(clock.now() + LOOKUP_TIMEOUT, lookup_host((host.as_str(), port)));
    let cause = match lookup.await {
        Ok(Ok(found)) => {
            let found: Vec<SocketAddr> = found.take(MOST_ADDRESSES).collect();
            if !found.is_empty() {
                let list: Vec<String> = found.iter().map(|it| it.ip().to_string()).collect();
                let detail = format!("{host}: {}", list.join(", "));
                return Look::found(Finding::ok(same(detail)), found);
            }
            "no address".to_owned()
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the name server did not answer in time".to_owned(),
    };
    let detail = Wording::new(
        format!("{host} cannot be resolved: {cause}"),
        format!("无法解析 {host}：{cause}"),
    );
    let advice = Advice::to(
        Role::Operator,
        "check feishu.base_url, the proxy variables and the name server of this machine (in Kubernetes: egress to DNS in the NetworkPolicy).",
        "检查 feishu.base_url、代理环境变量与本机 DNS（Kubernetes 中还需检查 NetworkPolicy 是否放行 DNS）。",
    );
    Look::ends(Finding::failed(detail, advice))
}

/// Says which proxy is in between.
pub(super) fn proxy(route: &Route) -> Look<()> {
    let Some(proxy) = &route.proxy else {
        return Look::found(Finding::ok(Wording::new("none", "无")), ());
    };
    let shown = format!("{}://{}:{}", proxy.scheme, proxy.host, proxy.port);
    if !matches!(proxy.scheme.as_str(), "http" | "https") {
        let detail = Wording::new(
            format!("the gateway does not support this kind of proxy: {shown}"),
            format!("网关不支持此类代理：{shown}"),
        );
        let advice = Advice::to(
            Role::Operator,
            "set HTTPS_PROXY to a proxy with http:// or https://, or exclude Feishu's host with NO_PROXY.",
            "在 HTTPS_PROXY 中使用 http:// 或 https:// 代理，或通过 NO_PROXY 排除飞书域名。",
        );
        return Look::ends(Finding::failed(detail, advice));
    }
    let detail = Wording::new(
        format!(
            "{shown}, from the environment (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY; NO_PROXY excludes hosts)"
        ),
        format!("{shown}，来自环境变量（HTTPS_PROXY、HTTP_PROXY、ALL_PROXY；NO_PROXY 可排除域名）"),
    );
    Look::found(Finding::ok(detail), ())
}

/// Opens a TCP connection to one of the addresses.
pub(super) async fn tcp(addresses: &[SocketAddr], timeout: Duration, clock: &Clock) -> Look<()> {
    let mut causes = Vec::new();
    for address in addresses {
        let until = clock.now() + timeout;
        match clock.timeout_at(until, TcpStream::connect(address)).await {
            Ok(Ok(_)) => return Look::found(Finding::ok(same(address.to_string())), ()),
            Ok(Err(error)) => causes.push(format!("{address}: {error}")),
            Err(_) => causes.push(format!("{address}: no answer in time")),
        }
    }
    let advice = Advice::to(
        Role::Operator,
        "allow this machine to connect to this address and port (firewall, security group, NetworkPolicy), or set a proxy with HTTPS_PROXY.",
        "放行本机到该地址与端口的出站连接：防火墙、安全组、NetworkPolicy，或通过 HTTPS_PROXY 配置代理。",
    );
    Look::ends(Finding::failed(same(causes.join("; ")), advice))
}

/// Looks at the certificate, and asks the gateway's own client whether it is trusted.
///
/// Returns that client's answer to a request for a page that is no API.
pub(super) async fn tls(
    route: &Route,
    caller: &Caller,
    timeout: Duration,
    clock: &Clock,
) -> Look<Result<RawAnswer, NoAnswer>> {
    let answer = caller.ask_nothing().await;
    if !route.is_tls {
        let detail = Wording::new(
            "none: feishu.base_url begins with http://",
            "未使用：feishu.base_url 以 http:// 开头",
        );
        return Look::found(Finding::ok(detail), answer);
    }
    let look = handshake::connect_by_tls(route, &[handshake::HTTP_1]);
    let seen = match clock.timeout_at(clock.now() + timeout, look).await {
        Ok(Ok(stream)) => {
            let certificates = stream.get_ref().1.peer_certificates();
            certificates.and_then(|it| certificate::facts(it.first()?))
        }
        _ => None,
    };
    let is_seen = seen.is_some();
    let shown = seen.map_or_else(
        || Wording::new("the issuer is unknown", "无法获知证书颁发者"),
        |it| {
            Wording::new(
                format!("issued by {}, valid until {}", it.issuer, it.valid_until),
                format!("颁发者 {}，有效期至 {}", it.issuer, it.valid_until),
            )
        },
    );
    let Err(NoAnswer::Tls(error)) = &answer else {
        let finding = if is_seen { Finding::ok(shown) } else { Finding::warning(shown) };
        return Look::found(finding, answer);
    };
    let cause = crate::feishu::one_line(&error.to_string(), 200);
    let detail = Wording::new(format!("{cause}; {}", shown.en), format!("{cause}；{}", shown.zh));
    let advice = Advice::to(
        Role::Operator,
        "if the issuer is your company's proxy, trust its CA (feishu.ca_file or the system's certificates). If the certificate has expired, check this machine's clock. If the name is wrong, check feishu.base_url.",
        "若颁发者是公司代理，请信任其根证书（feishu.ca_file 或系统证书）；若证书过期，请检查本机时钟；若域名不符，请检查 feishu.base_url。",
    );
    Look::ends(Finding::failed(detail, advice))
}

/// Judges the answer to a request for a page that is no API.
pub(super) fn http(answer: Result<RawAnswer, NoAnswer>) -> Look<RawAnswer> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let advice = Advice::to(
                Role::Operator,
                "check what is between the gateway and Feishu: a proxy that needs credentials, a firewall that inspects TLS, a wrong feishu.base_url.",
                "检查网关与飞书之间的设备：需要认证的代理、检查 TLS 的防火墙，或错误的 feishu.base_url。",
            );
            return Look::ends(Finding::failed(same(error.cause()), advice));
        }
    };
    let status = answer.status;
    let detail = same(format!("HTTP {status}"));
    if status >= 500 || status == 407 || (300..400).contains(&status) {
        let advice = Advice::to(
            Role::Operator,
            "the answer may not come from Feishu's API: check the proxy and feishu.base_url. A 5xx status may also be an outage of Feishu.",
            "响应可能不是来自飞书 API：请检查代理与 feishu.base_url；5xx 也可能是飞书故障。",
        );
        return Look::ends(Finding::failed(detail, advice));
    }
    Look::found(Finding::ok(detail), answer)
}

/// Compares this machine's clock with the header `Date`.
pub(super) fn clock(date: Option<Timestamp>, now: Timestamp) -> Look<()> {
    let Some(date) = date else {
        let detail =
            Wording::new("the answer has no Date to compare with", "响应中没有 Date，无法比较");
        return Look::found(Finding::warning(detail), ());
    };
    let ahead = now.duration_since(date);
    let seconds = ahead.as_secs().unsigned_abs();
    let detail = if ahead.abs() <= MOST_SKEW {
        Wording::new(
            format!("within {seconds} s of Feishu's clock"),
            format!("与飞书相差不超过 {seconds} 秒"),
        )
    } else if ahead.is_negative() {
        Wording::new(format!("{seconds} s behind Feishu's clock"), format!("比飞书慢 {seconds} 秒"))
    } else {
        Wording::new(
            format!("{seconds} s ahead of Feishu's clock"),
            format!("比飞书快 {seconds} 秒"),
        )
    };
    if ahead.abs() <= MOST_SKEW {
        return Look::found(Finding::ok(detail), ());
    }
    let advice = Advice::to(
        Role::Operator,
        "set this machine's clock (NTP): certificates, key expiry dates and monthly budgets depend on it.",
        "请校准本机时钟（NTP）：证书、密钥有效期与每月调用额度都依赖它。",
    );
    Look::found(Finding::failed(detail, advice), ())
}

/// A text that is the same in both languages: numbers, addresses, and words of the system.
pub(super) fn same(text: String) -> Wording {
    Wording::new(text.clone(), text)
}
