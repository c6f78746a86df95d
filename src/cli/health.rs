//! `health`: for images that hold no curl.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use url::Url;

#[derive(Args)]
pub(super) struct Health {
    /// The address to ask; a URL without a path asks /readyz.
    #[arg(long, default_value = "http://127.0.0.1:9090/readyz")]
    url: Url,
}

const TIMEOUT: Duration = Duration::from_secs(3);

impl Health {
    pub(super) fn ask(mut self) -> ExitCode {
        if self.url.path() == "/" {
            self.url.set_path("/readyz");
        }
        actix_web::rt::System::new().block_on(async {
            match ask(self.url).await {
                Ok((status, body)) => {
                    println!("{status} {body}");
                    if status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
                }
                Err(error) => {
                    eprintln!("{error}");
                    ExitCode::FAILURE
                }
            }
        })
    }
}

async fn ask(url: Url) -> reqwest::Result<(reqwest::StatusCode, String)> {
    crate::tls::use_ring();
    let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?;
    let response = client.get(url).send().await?;
    Ok((response.status(), response.text().await?))
}
