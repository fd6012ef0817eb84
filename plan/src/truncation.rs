//! Truncated vectors: which jobs make them of whole ones.

use bitsweep_proto::Spec;
use bitsweep_proto::job::TruncateSpec;
use bitsweep_proto::lock::LockedModel;
use bitsweep_proto::manifest::Model;
use bitsweep_proto::plan::Input;

use crate::graph::{Graph, artifact};

/// What truncates the vectors of a model to `dims` dimensions. They are scaled to length 1 again where those of the model are.
pub(crate) fn truncation((model, locked): (&Model, &LockedModel), dims: u32) -> TruncateSpec {
    let facts = model.effective(&locked.facts);
    TruncateSpec { dim: facts.dim, dims, normalize: facts.normalize }
}

/// One truncating job for each embedding job of `whole`, as inputs of the same names in the same order.
pub(crate) fn truncated(graph: &mut Graph<'_>, spec: TruncateSpec, whole: &[Input]) -> Vec<Input> {
    let shard = |input: &Input| {
        let vectors = Input { name: "vectors".to_owned(), ..input.clone() };
        artifact(&input.name, graph.add(Spec::Truncate(spec), vec![vectors]))
    };
    whole.iter().map(shard).collect()
}
