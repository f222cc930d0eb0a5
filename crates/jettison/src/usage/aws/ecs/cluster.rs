//! Clusters, and what is in each.

use futures_util::{StreamExt as _, stream};

use super::definitions::Wanted;
use super::{Question, services, short, tasks};
use crate::usage::aws::place::{CALLS_AT_ONCE, Call};

/// AWS's code for a cluster that is not there.
pub(super) const NOT_FOUND: &str = "ClusterNotFoundException";

const LIST: Call = Call::new("ecs:ListClusters");

/// A cluster, and who asks it.
#[derive(Clone, Copy)]
pub(super) struct Cluster<'a, 'q, 'p, 's> {
    pub(super) ecs: &'a Question<'q, 'p, 's>,
    pub(super) arn: &'a str,
    /// The task definitions that something there names.
    pub(super) wanted: &'a Wanted,
}

impl Cluster<'_, '_, '_, '_> {
    pub(super) fn name(&self) -> &str {
        short(self.arn)
    }
}

/// Says what the clusters run.
pub(super) async fn ask_all(ecs: &Question<'_, '_, '_>, wanted: &Wanted) {
    let page = async |token| {
        let asked = ecs.client.list_clusters().max_results(100).set_next_token(token);
        let answer = asked.send().await?;
        Ok((answer.cluster_arns, answer.next_token))
    };
    let arns = ecs.place.every(LIST, page).await;
    let asked = stream::iter(&arns).for_each_concurrent(CALLS_AT_ONCE, async |arn| {
        let cluster = Cluster { ecs, arn, wanted };
        futures_util::join!(tasks::ask(cluster), services::ask(cluster));
    });
    asked.await;
}
