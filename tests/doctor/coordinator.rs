//! Faults of coordinators: fakes that answer with set statuses.

use crate::fakes::{closed_port, coordinator};
use crate::{Visit, visit};

const LEADS: (&str, u16) = ("/readyz", 200);
const STANDS_BY: (&str, u16) = ("/readyz", 503);

async fn ask(to: &[&str], token: Option<&str>) -> Visit {
    let mut args: Vec<&str> = to.iter().flat_map(|to| ["--to", to]).collect();
    if let Some(file) = token {
        args.extend(["--token-file", file]);
    }
    visit(&args, &[]).await
}

#[tokio::test]
async fn faults_of_coordinators_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    std::fs::write(&token, "the-secret-token\n").expect("a file");
    let token = token.display().to_string();
    let token = Some(token.as_str());
    let fake = async |ready: (&'static str, u16), asked| {
        coordinator(vec![("/healthz", 200), ready, ("/api/v1/workers", asked)]).await
    };
    let (leader, standby) = (fake(LEADS, 200).await, fake(STANDS_BY, 200).await);
    ask(&[&leader, &standby], token).await.finds(&[]);
    ask(&[&standby, &standby], token)
        .await
        .finds(&[("coordinator-leader", "wrong")])
        .says("coordinator-leader", "none");
    ask(&[&leader, &leader], token)
        .await
        .finds(&[("coordinator-leader", "wrong")])
        .says("coordinator-leader", "2 of 2");
    ask(&[&standby], token).await.finds(&[("coordinator-leader", "warning")]);
    ask(&[&leader], None)
        .await
        .finds(&[("coordinator-token", "warning")])
        .says("coordinator-token", "asks for no token");
    let strict = fake(LEADS, 401).await;
    ask(&[&strict], token).await.finds(&[("coordinator-token", "wrong")]).hides("the-secret-token");
    ask(&[&strict], None).await.finds(&[]);
    let other = coordinator(Vec::new()).await;
    ask(&[&other], token).await.finds(&[("coordinator-reach", "wrong")]).says("coordinator-reach", "no coordinator");
    let nobody = format!("http://user:secret@127.0.0.1:{}", closed_port());
    ask(&[&nobody], token).await.finds(&[("coordinator-reach", "unreachable")]).hides("secret@");
}
