//! Says what the one skill consists of, and serves its files and folders.

use rmcp::{
    ErrorData,
    model::{Resource, ResourceContents, Skill, SkillFrontmatter, SkillResource, SkillResources},
};
use serde_json::json;

use crate::server::catalogue::{of, text};

const NAME: &str = "guard-a-gate";
const DESCRIPTION: &str = "Tells who may pass a gate, and how to ask.";
const ROOT: &str = "skill://guard-a-gate";
const SKILL_MD: &str = "---\nname: guard-a-gate\ndescription: Tells who may pass a gate, and how to ask.\n---\n\n\
    # Guard a gate\n\nAsk for the pass, read it, decide. See references/passes.md.\n";
const PASSES_MD: &str = "# Passes\n\nA pass names its holder, its issuer, its gate and its end.\n";

/// Path below the root, name, what it is, content.
const FILES: [(&str, &str, &str, &str); 2] =
    [("SKILL.md", NAME, DESCRIPTION, SKILL_MD), ("references/passes.md", "passes", "What a pass says.", PASSES_MD)];

pub(crate) fn skill() -> Skill {
    let files =
        FILES.iter().map(|(path, _, _, content)| SkillResource::from_bytes(uri(path), content.as_bytes())).collect();
    Skill::new(uri("SKILL.md"), SkillFrontmatter::new(NAME, DESCRIPTION), SkillResources::Files(files))
}

pub(crate) fn files() -> Vec<Resource> {
    FILES.iter().map(|(path, name, what, _)| file(path, name, what)).collect()
}

pub(crate) fn read(wanted: &str) -> Option<ResourceContents> {
    let (path, _, _, content) = FILES.iter().find(|(path, ..)| uri(path) == wanted)?;
    Some(text(&uri(path), "text/markdown", content))
}

/// What a folder holds, and no more than one step down.
pub(crate) fn children(folder: &str) -> Result<Vec<Resource>, ErrorData> {
    let [(skill_md, name, what, _), (passes, passes_name, passes_what, _)] = FILES;
    let references = uri("references");
    if folder == ROOT {
        let folder = of(json!({"uri": references, "name": "references", "mimeType": "inode/directory"}));
        Ok(vec![file(skill_md, name, what), folder])
    } else if folder == references {
        Ok(vec![file(passes, passes_name, passes_what)])
    } else {
        Err(ErrorData::invalid_params("not a folder", Some(json!({"uri": folder}))))
    }
}

fn file(path: &str, name: &str, what: &str) -> Resource {
    of(json!({"uri": uri(path), "name": name, "description": what, "mimeType": "text/markdown"}))
}

fn uri(path: &str) -> String {
    format!("{ROOT}/{path}")
}
