//! STS: who am I, and sessions of roles.

use jiff::SignedDuration;
use serde_json::json;

use super::call::{Answer, Call};
use super::refusal::Refusal;
use super::state::State;

pub(super) fn serve(state: &mut State, call: &Call) -> Answer {
    match call.operation.as_str() {
        "GetCallerIdentity" => {
            let caller = &call.caller;
            Ok(json!({"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn}))
        }
        "AssumeRole" => assume(state, call),
        _ => {
            let message = format!("Could not find operation {}", call.operation);
            Err(Refusal::new("InvalidAction", message))
        }
    }
}

fn assume(state: &mut State, call: &Call) -> Answer {
    let (role, name) = (call.required("RoleArn")?, call.required("RoleSessionName")?);
    let seconds = call.text("DurationSeconds").and_then(|text| text.parse().ok());
    let lifetime = SignedDuration::from_secs(seconds.unwrap_or(3600));
    let action = "sts:AssumeRole";
    let caller = &call.caller;
    state.identities.check(caller, action, role)?;
    let expires = state.now + lifetime;
    let session = state.identities.assume(caller, role, name, expires).ok_or_else(|| {
        let message = format!(
            "User: {} is not authorized to perform: {action} on resource: {role}",
            caller.arn
        );
        Refusal::new("AccessDeniedException", message)
    })?;
    let credentials = session.credentials;
    Ok(json!({
        "Credentials": {"AccessKeyId": credentials.access_key_id, "SecretAccessKey": credentials.secret_access_key,
            "SessionToken": credentials.session_token, "Expiration": session.expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()},
        "AssumedRoleUser": {"AssumedRoleId": session.caller.user_id, "Arn": session.caller.arn}}))
}
