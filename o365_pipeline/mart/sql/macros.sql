-- What the other files share: how keys and addresses are written.

-- A key that fits its column: the text itself, or its hash where it is longer.
CREATE OR REPLACE TEMP MACRO key_of(text, size) AS
    CASE WHEN length(text) > size THEN 'sha256:' || sha256(text) ELSE text END;

-- The key of an item that has none across mailboxes. Hashed because Outlook's ids differ by case alone, which
-- databases and spreadsheets overlook.
CREATE OR REPLACE TEMP MACRO row_key(puser, id) AS
    'row:' || sha256(concat_ws('/', puser, id));

CREATE OR REPLACE TEMP MACRO address_of(text) AS
    key_of(nullif(lower(trim(text)), ''), 320);
