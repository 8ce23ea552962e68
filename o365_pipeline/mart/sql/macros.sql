-- What the other files share: how keys and addresses are written.

-- A key that fits its column: the text itself, or its hash where it is longer. Bytes are counted, since SQL Server
-- counts a character beyond the first 65,536 twice; never more than its bytes.
CREATE OR REPLACE TEMP MACRO key_of(text, size) AS
    CASE WHEN strlen(text) > size THEN 'sha256:' || sha256(text) ELSE text END;

-- Text that fits its column, cut where it is longer; by half where it holds such characters.
CREATE OR REPLACE TEMP MACRO cut(text, size) AS
    CASE WHEN strlen(text) <= size THEN text
        WHEN regexp_matches(left(text, size), '[^\x{0}-\x{FFFF}]') THEN left(text, size // 2)
        ELSE left(text, size) END;

-- The key of an item that has none across mailboxes. Hashed because Outlook's ids differ by case alone, which
-- databases and spreadsheets overlook.
CREATE OR REPLACE TEMP MACRO row_key(puser, id) AS
    'row:' || sha256(concat_ws('/', puser, id));

CREATE OR REPLACE TEMP MACRO address_of(text) AS
    key_of(nullif(lower(trim(text)), ''), 320);

-- A sender whose shape is not documented, as JSON in one spelling: emailaddress.address or user.id.
CREATE OR REPLACE TEMP MACRO sender_of(value) AS
    TRY_CAST(lower(TRY_CAST(value AS JSON)::VARCHAR) AS JSON);

-- Who took part in a call: the Entra object id, or a hash of the name where there is none, as for a phone.
CREATE OR REPLACE TEMP MACRO participant_of(identity) AS
    coalesce(
        key_of(nullif(identity."userAADObjectId", ''), 100),
        'sha256:' || sha256(concat_ws('/', identity."tenantId", identity."recipientType", identity."displayName"))
    );

CREATE OR REPLACE TEMP MACRO week_start_of(date) AS
    date_trunc('week', date)::DATE;
