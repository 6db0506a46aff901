//! Words in the names of columns, and what each says of its column: one table. [`super::column_names`] and
//! [`super::aside_names`] say where in a name they count.

/// What a word says of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameWord {
    /// It holds labels.
    Labels,
    /// It holds labels, or as often topics beside them.
    Topics,
    /// It says which row it is.
    Ids,
    /// It holds what rows are about.
    Rows,
    /// It says how sure labels are, or how much.
    Scores,
    /// Its integers hold a bit for each label.
    Masks,
    /// It holds what people write beside labels.
    Remarks,
    /// It holds what tokenisers make of a text.
    Tokens,
    /// Its lists are places in an image or a text, or the numbers that a model makes of one.
    Lists,
    /// It says where something is, or how large.
    Places,
    /// It says which numbers of a list are known.
    Known,
    /// It holds what happened in the end.
    Outcomes,
    /// It holds the weights of rows.
    Weights,
    /// It says something of rows, wherever in a name the word is.
    AsideAnywhere,
    /// The same as the whole name, but for `is`, `has` and `was` in front of it. Elsewhere it is a word of labels, too.
    AsideAlone,
    /// The same behind the name of another column, about which the column says something.
    AsideBehind,
    /// The same anywhere in the name of a column of texts, or in front of that of a column of 0 and 1.
    AsideTexts,
    /// It holds how many there are of what the rest of the name says.
    Numbers,
    /// Of those, what may be the target of a table all the same.
    States,
}

use NameWord::{
    AsideAlone, AsideAnywhere, AsideBehind, AsideTexts, Ids, Known, Labels, Lists, Masks, Numbers, Outcomes,
    Places, Remarks, Rows, Scores, States, Tokens, Topics, Weights,
};

/// Words, or names of several words, by what they say.
const WORDS: [(NameWord, &str); 24] = [
    (
        Labels,
        "labels label targets target tags tag classes class y categories category findings label_ids label_names \
         class_id genres",
    ),
    (Topics, "tags tag genres categories category"),
    (Ids, "id rowid uid uuid guid key row"),
    (
        Rows,
        "image img file filename path url document doc item sample example video clip md5 sha1 sha256 hash text sentence \
         tweet comment movie film book song track photo picture article paper post question record",
    ),
    (Scores, "score confidence conf value prob probability rating"),
    (Masks, "mask bitmask bits bitmap bitfield flags"),
    (Remarks, "comment comments note notes remark remarks description reason text title name date"),
    (
        Tokens,
        "input_ids attention_mask token_type_ids position_ids special_tokens_mask input_mask segment_ids word_ids \
         pixel_mask padding_mask",
    ),
    (
        Lists,
        "bbox bboxes box boxes bounding_box polygon polygons segmentation keypoints landmarks coordinates coords offsets \
         span shape embedding embeddings",
    ),
    // Known of images and of what is in them.
    (Places, "x y z w h width height lat lon lng latitude longitude"),
    (Known, "mask masks w valid known observed labeled labelled"),
    (
        Outcomes,
        "outcome result response diagnosis prognosis positive churn churned exited default defaulted survived died \
         mortality readmitted converted conversion purchased bought subscribed won success final consensus",
    ),
    (Weights, "weight weights"),
    // Parts of the data.
    (AsideAnywhere, "train test val valid validation dev eval split subset partition fold kfold cv holdout"),
    (AsideAlone, "tr phase usage part set seen unseen hidden"),
    // The same, features of people and rows in other languages.
    (
        AsideAnywhere,
        "testset testdaten trainset trainingsdaten validierung entrenamiento prueba validacion validación teilmenge \
         geschlecht weiblich männlich maennlich sexo genero género mujer hombre sexe homme femme sesso maschio femmina \
         duplikat duplicado doublon duplicato geprüft geprueft kontrolliert annotiert etikettiert verificado revisado \
         validado anotado etiquetado vérifié annoté étiqueté verificato controllato gelöscht geloescht ausgeschlossen \
         borrado excluido supprimé exclu escluso gespiegelt entraînement",
    ),
    // Features of people, and rows.
    (AsideAnywhere, "gender sex male female duplicate version year"),
    (
        AsideAlone,
        "index idx level level_0 w wt count score current deleted active synthetic augmented downloaded exported imputed \
         missing error invalid crowd batch site round dummy intercept padded flipped grayscale corrupt processed locked \
         backup public censored ignore use keep skip dropped occluded truncated image report cluster group masked \
         curated exclude excluded include included evaluated portable",
    ),
    // Labels: how sure they are, who gave them, which were predicted.
    (
        AsideAnywhere,
        "pred preds predicted prediction prob confidence mask gold labeled labelled unlabeled unlabelled annotated \
         annotator ann annot rater labeler labeller reviewed verified consensus iscrowd",
    ),
    (
        AsideAlone,
        "has_label has_labels n_labels n_tags n_classes n_categories n_findings n_positives num_labels agreement agree \
         disagree disagreement ambiguous uncertain unclear very_unclear example_very_unclear difficult hard noisy quality qc qa ok passed leak ood human approved accepted rejected flagged auto \
         machine manual expert checked confirmed flag weak pseudo noisy_small",
    ),
    (
        AsideBehind,
        "missing isna isnull na nan null auto manual machine human prev previous lag lead conf ok flag known unknown \
         uncertain imputed source src count votes raw score prob probability logit corrected v1 v2 v3 old new expert crowd \
         clean fixed original a1 a2 a3 r1 r2 r3",
    ),
    // What texts say of rows.
    (
        AsideTexts,
        "source src lang language locale license licence author user username country region city site domain dataset \
         origin publisher status format mode ext extension mime device camera sensor",
    ),
    (Numbers, "num nb anzahl nombre numero número"),
    (States, "country region city device status"),
];

impl NameWord {
    /// Whether this is what a word says, in any case of its letters.
    pub(super) fn is(self, word: &str) -> bool {
        let of_kind = WORDS.iter().filter(|(of, _)| *of == self);
        of_kind.flat_map(|(_, words)| words.split(' ')).any(|known| word.eq_ignore_ascii_case(known))
    }

    /// Whether one of the words of a name says this.
    pub(super) fn is_in(self, words: &[String]) -> bool {
        words.iter().any(|word| self.is(word))
    }
}
