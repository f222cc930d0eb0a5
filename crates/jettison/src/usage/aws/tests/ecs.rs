//! ECS: what runs, what ran, and what may run again.

use super::*;

#[tokio::test]
async fn a_service_rolled_forward_twice_holds_what_it_may_return_to_by_digest() {
    let lab = Lab::new().await;
    let images: Vec<(String, Digest)> = (1..=4).map(|number| lab.push(&format!("v{number}"), number)).collect();
    let definitions: Vec<String> = images.iter().map(|(image, _)| lab.register(image)).collect();
    let ecs = lab.ecs();
    ecs.service("prod", "web", &definitions[0], 2);
    for definition in &definitions[1..=2] {
        ecs.deploy("prod", "web", definition);
        ecs.finish("prod", "web");
    }
    ecs.deploy("prod", "web", &definitions[3]);
    // All tags move: what was deployed is still what it was.
    images
        .iter()
        .enumerate()
        .for_each(|(number, _)| drop(lab.push(&format!("v{}", number + 1), 99)));
    let told = lab.ask().await;
    told.is_whole();
    println!("{:#?}", told.references);
    for (number, (_, digest)) in images.iter().enumerate().skip(1) {
        assert!(!told.users_of(digest).is_empty(), "v{}", number + 1);
    }
}
