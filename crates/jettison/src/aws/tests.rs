//! How AWS is reached, and what is said when that fails.

use jettison_testkit::aws::{Effect, Fault, Policy, TestAws};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const ACCOUNT: &str = "111122223333";
const OTHER: &str = "444455556666";
const REGION: &str = "eu-central-1";

/// An AWS, and somebody who asks it without patience.
struct Lab {
    aws: TestAws,
    connection: AwsConnection,
}

impl Lab {
    async fn new(policy: Policy) -> Self {
        let aws = TestAws::start().await.unwrap();
        let key = aws.user(ACCOUNT, "ci", policy);
        let mut connection = impatient(&aws.url());
        connection.credentials = Some(Credentials::new(
            key.access_key_id,
            key.secret_access_key,
            None,
            None,
            "test",
        ));
        Self { aws, connection }
    }

    /// The account that the calls are those of.
    async fn account(&self) -> Result<String, AwsError> {
        let config = self.connection.open(REGION).await;
        let asked = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await;
        asked
            .map(|identity| identity.account.unwrap_or_default())
            .map_err(|error| told("sts:GetCallerIdentity", error))
    }

    /// What becomes of a call.
    async fn clusters(&self) -> Result<usize, AwsError> {
        let config = self.connection.open(REGION).await;
        let asked = aws_sdk_ecs::Client::new(&config).list_clusters().send().await;
        asked
            .map(|answer| answer.cluster_arns().len())
            .map_err(|error| told("ecs:ListClusters", error))
    }
}

fn impatient(endpoint: &str) -> AwsConnection {
    AwsConnection {
        access: AwsAccess {
            endpoint: Some(endpoint.to_owned()),
            ..AwsAccess::default()
        },
        credentials: Some(Credentials::new("AKIA", "the-secret", None, None, "test")),
        limits: AwsLimits {
            tries: 2,
            first_pause: Duration::from_millis(1),
            adaptive: false,
            ..AwsLimits::default()
        },
    }
}

#[tokio::test]
async fn a_role_of_another_account_is_taken_on() {
    let mut lab = Lab::new(Policy::everything()).await;
    let role = lab.aws.role(OTHER, "cleaner", Policy::nothing(), &[ACCOUNT]);
    lab.connection.access.role_arn = Some(role);
    assert_eq!(lab.account().await.as_deref(), Ok(OTHER));
    lab.connection.access.role_arn = None;
    assert_eq!(lab.account().await.as_deref(), Ok(ACCOUNT));
}

#[tokio::test]
async fn a_role_that_may_not_be_taken_on_is_told_as_such() {
    for (policy, trusts) in [(Policy::nothing(), ACCOUNT), (Policy::everything(), "999988887777")] {
        let mut lab = Lab::new(policy).await;
        let role = lab.aws.role(OTHER, "cleaner", Policy::everything(), &[trusts]);
        lab.connection.access.role_arn = Some(role.clone());
        let error = lab.clusters().await.unwrap_err();
        assert_eq!((error.trouble, error.action), (AwsTrouble::Denied, "sts:AssumeRole"));
        let text = error.to_string();
        assert!(
            text.starts_with("sts:AssumeRole: AWS answered AccessDenied: User: "),
            "{text}"
        );
        assert!(
            text.contains(&role) && text.contains("let the role trust whoever asks"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_role_that_cannot_be_asked_for_now_passes() {
    let mut lab = Lab::new(Policy::everything()).await;
    lab.connection.access.role_arn = Some(lab.aws.role(OTHER, "cleaner", Policy::everything(), &[ACCOUNT]));
    lab.aws.fail(Fault::error(500, "InternalFailure").on("sts:AssumeRole"));
    let error = lab.clusters().await.unwrap_err();
    assert_eq!(
        (error.trouble, error.action),
        (AwsTrouble::Transient, "sts:AssumeRole"),
        "{error}"
    );
}

#[tokio::test]
async fn a_session_that_has_expired_is_renewed() {
    let mut lab = Lab::new(Policy::everything()).await;
    lab.connection.access.role_arn = Some(lab.aws.role(OTHER, "cleaner", Policy::everything(), &[ACCOUNT]));
    assert_eq!(lab.clusters().await, Ok(0));
    lab.aws.expire_sessions();
    assert_eq!(lab.clusters().await, Ok(0));
}

#[tokio::test]
async fn what_aws_answers_is_told_apart() {
    for (fault, trouble, words) in [
        (
            Fault::error(400, "AccessDeniedException"),
            AwsTrouble::Denied,
            "allow ecs:ListClusters",
        ),
        (
            Fault::error(400, "UnrecognizedClientException"),
            AwsTrouble::Unauthenticated,
            "give credentials",
        ),
        (
            Fault::error(400, "ExpiredTokenException"),
            AwsTrouble::Unauthenticated,
            "give credentials",
        ),
        (Fault::new(Effect::Throttle), AwsTrouble::Throttled, "wait a while"),
        (
            Fault::error(400, "ClientException"),
            AwsTrouble::Refused,
            "something is wrong on purpose",
        ),
        (
            Fault::error(500, "ServerException"),
            AwsTrouble::Transient,
            "run it again later",
        ),
        (
            Fault::new(Effect::Status(404)),
            AwsTrouble::Refused,
            "what stands for AWS answered 404",
        ),
        (
            Fault::new(Effect::Status(503)),
            AwsTrouble::Transient,
            "what stands for AWS answered 503",
        ),
        (
            Fault::new(Effect::Hang),
            AwsTrouble::Transient,
            "did not answer in time",
        ),
        (
            Fault::new(Effect::Cut(10)),
            AwsTrouble::Unclear,
            "the answer (200) cannot be understood",
        ),
        (
            Fault::edit(|answer| *answer = "no object".into()),
            AwsTrouble::Unclear,
            "",
        ),
    ] {
        let mut lab = Lab::new(Policy::everything()).await;
        let given = format!("{fault:?}");
        if given.contains("Hang") {
            lab.connection.limits.answer = Duration::from_millis(200);
        }
        lab.aws.fail(fault);
        let error = lab.clusters().await.unwrap_err();
        assert_eq!(error.trouble, trouble, "{given}: {error}");
        assert!(error.to_string().starts_with("ecs:ListClusters: "), "{error}");
        assert!(error.to_string().contains(words), "{given}: {error}");
    }
}

#[tokio::test]
async fn what_passes_is_asked_again() {
    for fault in [
        Fault::new(Effect::Throttle),
        Fault::error(500, "ServerException"),
        Fault::new(Effect::Cut(10)),
    ] {
        let lab = Lab::new(Policy::everything()).await;
        lab.aws.fail(fault.times(1));
        assert_eq!(lab.clusters().await, Ok(0));
    }
}

#[tokio::test]
async fn wrong_keys_are_told_as_such_and_never_shown() {
    let lab = Lab::new(Policy::everything()).await;
    let connection = impatient(&lab.aws.url());
    let lab = Lab { connection, ..lab };
    let error = lab.clusters().await.unwrap_err();
    assert_eq!(error.trouble, AwsTrouble::Unauthenticated, "{error}");
    assert!(!format!("{error} {error:?}").contains("the-secret"), "{error:?}");
    assert!(!format!("{:?}", lab.connection).contains("the-secret"));
}

#[tokio::test]
async fn an_address_where_nobody_is_or_where_tls_fails_is_told_as_such() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let plain = TestAws::start().await.unwrap();
    let plain_port = plain.url().replace("http://", "https://");
    for endpoint in [format!("http://{address}"), plain_port] {
        let config = impatient(&endpoint).open(REGION).await;
        let asked = aws_sdk_ecs::Client::new(&config).list_clusters().send().await;
        let error = told("ecs:ListClusters", asked.unwrap_err());
        assert_eq!(error.trouble, AwsTrouble::Transient, "{endpoint}: {error}");
        assert!(error.detail.starts_with("client error (Connect): "), "{error}");
    }
}

/// The call may have arrived: that is nothing a login would mend.
#[tokio::test]
async fn a_connection_that_ends_without_an_answer_may_pass() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = vec![0; 64 * 1024];
            let _ = stream.read(&mut asked).await;
            let _ = stream.shutdown().await;
        }
    });
    let config = impatient(&format!("http://{address}")).open(REGION).await;
    let asked = aws_sdk_ecs::Client::new(&config).list_clusters().send().await;
    let error = told("ecs:ListClusters", asked.unwrap_err());
    assert_eq!(error.trouble, AwsTrouble::Transient, "{error}");
    server.abort();
}

#[tokio::test]
async fn the_same_way_leads_into_another_region() {
    let lab = Lab::new(Policy::everything()).await;
    let config = in_region(&lab.connection.open(REGION).await, "us-east-1");
    aws_sdk_ecs::Client::new(&config).list_clusters().send().await.unwrap();
    assert_eq!(lab.aws.requests()[0].region, "us-east-1");
}
