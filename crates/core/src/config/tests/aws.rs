//! Which registries are ECR, and what is said of AWS.

use super::*;

fn place(account: &str, region: &str) -> EcrPlace {
    EcrPlace {
        account: account.to_owned(),
        region: region.to_owned(),
    }
}

#[test]
fn a_host_of_ecr_says_where_it_lies() {
    for (host, region) in [
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", "eu-central-1"),
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com:443", "eu-central-1"),
        ("123456789012.DKR.ECR.eu-central-1.amazonaws.com", "eu-central-1"),
        ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("123456789012.dkr-ecr.ap-southeast-4.on.aws", "ap-southeast-4"),
        ("123456789012.dkr-ecr-fips.us-east-1.on.aws", "us-east-1"),
        (
            "123456789012.dkr-ecr.cn-northwest-1.on.amazonwebservices.com.cn",
            "cn-northwest-1",
        ),
        ("123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
        ("123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"),
        ("123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1"),
        ("123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1"),
        ("123456789012.dkr.ecr.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1"),
    ] {
        let host: RegistryHost = host.parse().unwrap();
        assert_eq!(EcrPlace::of_host(&host), Some(place("123456789012", region)), "{host}");
        assert_eq!(Config::default().ecr(&host), EcrPlace::of_host(&host), "{host}");
    }
}

#[test]
fn what_only_looks_like_a_host_of_ecr_is_none() {
    for host in [
        "registry.example.com",
        "public.ecr.aws",
        "ecr.eu-central-1.amazonaws.com",
        "api.ecr.eu-central-1.amazonaws.com",
        "123456789012.dkr.ecr.amazonaws.com",
        "12345678901.dkr.ecr.eu-central-1.amazonaws.com",
        "1234567890123.dkr.ecr.eu-central-1.amazonaws.com",
        "12345678901x.dkr.ecr.eu-central-1.amazonaws.com",
        "x.123456789012.dkr.ecr.eu-central-1.amazonaws.com",
        "123456789012.dkr.ecr.eu-central-1.x.amazonaws.com",
        "123456789012.dkr.ecr.eu-central-1.vpce.amazonaws.com",
        "123456789012.dkr.ecr.eucentral1.amazonaws.com",
        "123456789012.dkr.ecr.eu-central.amazonaws.com",
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com.example.com",
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com.de",
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com:5000",
        "123456789012.dkr.ecr.eu-central-1.example.com",
        "123456789012.dkr.ecr.eu-central-1amazonaws.com",
        "123456789012-dkr.ecr.eu-central-1.amazonaws.com",
        "123456789012.dkr.ecrfips.eu-central-1.amazonaws.com",
    ] {
        let host: RegistryHost = host.parse().unwrap();
        assert_eq!(EcrPlace::of_host(&host), None, "{host}");
    }
}

#[test]
fn everything_of_aws_can_be_said() {
    let config = parse(
        r#"
registries:
  - host: 123456789012.dkr.ecr.eu-central-1.amazonaws.com
    aws: { profile: prod, role-arn: "arn:aws:iam::123456789012:role/a/jettison", endpoint: "http://127.0.0.1:4566" }
  - { host: "localhost:4566", aws: { account: "012345678901", region: us-east-1, endpoint: "https://aws.local/x" }, expects: none }
  - { host: 123456789012.dkr.ecr.us-east-1.amazonaws.com, aws: { account: "123456789012", region: us-east-1 } }
  - { host: plain.example }
usage:
  - name: prod
    kind: aws
    account: "123456789012"
    regions: [us-east-1, eu-central-1, us-east-1]
    profile: prod
    role-arn: "arn:aws-cn:iam::123456789012:role/jettison"
    endpoint: "http://127.0.0.1:4566"
    task-definitions: 1
    lambda-versions: 7
    timeout-seconds: 60
  - { name: other, kind: aws, account: "012345678901", regions: [us-east-1] }
"#,
    );
    let [ecr, local, said_twice, plain] = &config.registries[..] else {
        panic!("four registries")
    };
    assert_eq!(ecr.ecr(), Some(place("123456789012", "eu-central-1")));
    assert_eq!(ecr.aws.profile.as_deref(), Some("prod"));
    assert_eq!(
        ecr.aws.role_arn.as_deref(),
        Some("arn:aws:iam::123456789012:role/a/jettison")
    );
    assert_eq!(ecr.aws.endpoint.as_deref(), Some("http://127.0.0.1:4566"));
    assert_eq!(config.ecr(&local.host), Some(place("012345678901", "us-east-1")));
    assert_eq!(said_twice.ecr(), Some(place("123456789012", "us-east-1")));
    assert_eq!((plain.ecr(), &plain.aws), (None, &AwsAccess::default()));
    let UsageKind::Aws(source) = &config.usage[0].kind else {
        panic!("an account of AWS")
    };
    let places: Vec<String> = source.places().map(|place| place.to_string()).collect();
    assert_eq!(places, ["123456789012/eu-central-1", "123456789012/us-east-1"]);
    assert_eq!(source.access.endpoint.as_deref(), Some("http://127.0.0.1:4566"));
    assert_eq!(
        (source.task_definitions, source.lambda_versions, source.timeout_seconds),
        (1, 7, 60)
    );
    let UsageKind::Aws(other) = &config.usage[1].kind else {
        panic!("an account of AWS")
    };
    assert_eq!(
        (other.task_definitions, other.lambda_versions, other.timeout_seconds),
        (5, 5, 300)
    );
    assert_eq!(
        (&other.access, config.usage[1].kind.as_str()),
        (&AwsAccess::default(), "aws")
    );
}

#[test]
fn every_mistake_about_aws_has_its_place() {
    let of_registry = |aws: &str| format!("registries:\n- host: a.example\n  expects: none\n  aws: {aws}\n");
    let of_ecr = |aws: &str| {
        format!("registries:\n- host: 123456789012.dkr.ecr.us-east-1.amazonaws.com\n  expects: none\n  aws: {aws}\n")
    };
    let mut wrong = Vec::new();
    let source = |keys: &str| format!("usage:\n- {{ name: a, kind: aws, {keys} }}\n");
    for (text, expected) in [
        (of_registry("{}"), &["not-ecr 4:3"][..]),
        (of_registry("{ profile: a }"), &["not-ecr 4:3"]),
        (of_registry("{ endpoint: 'http://a' }"), &["not-ecr 4:3"]),
        (
            of_registry("{ account: '123456789012', region: us-east-1 }"),
            &["not-ecr 4:3"],
        ),
        (of_ecr("{ account: '123456789012' }"), &["missing-key 4:10"]),
        (of_ecr("{ region: us-east-1 }"), &["missing-key 4:10"]),
        (
            of_ecr("{ account: '123456789012', region: us-east-2 }"),
            &["conflicting-keys 4:10"],
        ),
        (
            of_ecr("{ account: '123456789013', region: us-east-1 }"),
            &["conflicting-keys 4:10"],
        ),
        (
            of_ecr("{ account: 123456789012, region: us-east-1 }"),
            &["wrong-type 4:19"],
        ),
        (of_ecr("{ role: a }"), &["unknown-key 4:10"]),
        (of_ecr("{ role-arn: jettison }"), &["bad-role 4:20"]),
        (
            of_ecr("{ role-arn: 'arn:aws:iam::123456789012:user/a' }"),
            &["bad-role 4:20"],
        ),
        (of_ecr("{ endpoint: '127.0.0.1:4566' }"), &["bad-endpoint 4:20"]),
        (of_ecr("{ endpoint: 'http:///x' }"), &["bad-endpoint 4:20"]),
        (of_ecr("{ endpoint: 'http://user:secret@a' }"), &["bad-endpoint 4:20"]),
        (source("regions: [us-east-1]"), &["missing-key 2:3"]),
        (
            source("account: '1', regions: []"),
            &["bad-account 2:34", "empty-list 2:48"],
        ),
        (
            source("account: '123456789012', regions: [eu-central-1a, us-east-1, frankfurt, US-EAST-1]"),
            &["bad-region 2:60", "bad-region 2:86", "bad-region 2:97"],
        ),
        (
            source("account: '123456789012', regions: [us-east-1], task-definitions: 0, lambda-versions: x"),
            &["bad-count 2:90", "wrong-type 2:110"],
        ),
        (
            source("account: '123456789012', regions: [us-east-1], role-arn: 'arn:aws:iam::123456789013:role/a'"),
            &["conflicting-keys 2:72"],
        ),
    ] {
        let mut found = found(&text);
        found.sort();
        if found != expected {
            wrong.push(format!("{text}\n found {found:?}\n instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_ecr_registry_that_nobody_answers_for_is_told() {
    let registry = "registries: [ { host: 123456789012.dkr.ecr.us-east-1.amazonaws.com";
    let source = |account: &str, region: &str| {
        format!("usage: [ {{ name: a, kind: aws, account: '{account}', regions: [{region}] }} ]")
    };
    for (text, told) in [
        (format!("{registry} }} ]"), true),
        (format!("{registry}, expects: none }} ]"), false),
        (
            format!(
                "{registry}, expects: [a] }} ]\n{}",
                source("123456789012", "eu-central-1")
            ),
            true,
        ),
        (
            format!("{registry} }} ]\n{}", source("123456789012", "us-east-1")),
            false,
        ),
        (
            format!("{registry} }} ]\n{}", source("123456789012", "eu-central-1")),
            true,
        ),
        (
            format!("{registry} }} ]\n{}", source("123456789013", "us-east-1")),
            true,
        ),
        (
            format!("{registry} }} ]\nusage: [ {{ name: a, kind: file, paths: [a] }} ]"),
            true,
        ),
    ] {
        let expected: &[&str] = if told { &["unknown-source? 1:23"] } else { &[] };
        assert_eq!(found(&text), expected, "{text}");
    }
    let (_, told) = Config::parse("jettison.yaml", &format!("{registry} }} ]")).unwrap();
    assert_eq!(
        told[0].hint.as_deref(),
        Some(
            "add { name: aws-123456789012, kind: aws, account: \"123456789012\", regions: [us-east-1] } under `usage`, or say \
             `expects: none` for the registry"
        )
    );
}

#[test]
fn the_hosts_that_aws_gives_one_registry_are_one() {
    let hosts = [
        "123456789012.dkr.ecr.us-east-1.amazonaws.com",
        "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com",
        "123456789012.dkr-ecr.us-east-1.on.aws",
        "123456789012.dkr-ecr-fips.us-east-1.on.aws",
    ];
    for host in hosts {
        let config = parse(&format!("registries: [{{host: {host}, expects: none}}]\n"));
        let names: BTreeSet<&str> = config
            .names_of(&config.registries[0].host)
            .map(|host| host.as_str())
            .collect();
        assert_eq!(names, BTreeSet::from(hosts), "{host}");
        for other in hosts {
            assert_eq!(config.canonical_host(&other.parse().unwrap()).as_str(), host);
        }
    }
    let china = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn";
    let config = parse(&format!("registries: [{{host: {china}, expects: none}}]\n"));
    let dual = "123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn";
    assert_eq!(config.canonical_host(&dual.parse().unwrap()).as_str(), china);
    // To name one of them is no mistake, and to name two registries is one.
    let named = format!(
        "registries: [{{host: {}, aliases: [{}], expects: none}}]\n",
        hosts[0], hosts[2]
    );
    assert_eq!(parse(&named).registries[0].aliases.len(), 3);
    let twice = format!(
        "registries: [{{host: {}, expects: none}}, {{host: {}, expects: none}}]\n",
        hosts[0], hosts[2]
    );
    assert_eq!(found(&twice), ["duplicate-name 1:90"]);
}
