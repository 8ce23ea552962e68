-- What the other files share: how keys and addresses are written.

-- A key that fits its column: the text itself, or its hash where it is longer. Bytes are counted, since SQL Server
-- counts a character beyond the first 65,536 twice; never more than its bytes.
CREATE OR REPLACE TEMP MACRO key_of(text, size) AS
    CASE WHEN strlen(text) > size THEN left('sha256:' || sha256(text), size) ELSE text END;

-- A key made of parts, which stay apart whatever they hold: 'a', 'b/c' is not 'a/b', 'c', and null is no text.
CREATE OR REPLACE TEMP MACRO hash_of(parts) AS sha256(to_json(parts::VARCHAR[])::VARCHAR);

-- A number that its column can hold: the nearest one, where it cannot.
CREATE OR REPLACE TEMP MACRO within_integer(number) AS
    (CASE WHEN number < -2147483648 THEN -2147483648 WHEN number > 2147483647 THEN 2147483647 ELSE number END)::INTEGER;
CREATE OR REPLACE TEMP MACRO within_bigint(number) AS
    (CASE WHEN number < -1e18::HUGEINT THEN -1e18::HUGEINT WHEN number > 1e18::HUGEINT THEN 1e18::HUGEINT
        ELSE number::HUGEINT END)::BIGINT;

-- A date or a time that its column can hold: null, where databases and Python have no such year.
CREATE OR REPLACE TEMP MACRO within_years(moment) AS
    CASE WHEN year(moment) BETWEEN 1 AND 9999 THEN moment END;

-- What is the same of texts that differ by case alone, or by letters that are composed of an accent and a letter.
CREATE OR REPLACE TEMP MACRO as_compared(text) AS lower(nfc_normalize(text));

-- One spelling of such texts: they are one group, on servers too that tell them apart.
CREATE OR REPLACE TEMP MACRO one_spelling(text) AS min(text) OVER (PARTITION BY as_compared(text));

-- A file's extension, lower case, without a dot. What has blanks or is long is a part of the file's name.
CREATE OR REPLACE TEMP MACRO extension_of(text) AS
    nullif(regexp_extract(lower(trim(text, '. ')), '^[a-z0-9_~$!#+-]{1,20}$'), '');

-- Text that fits its column, cut where it is longer; by half where it holds such characters.
CREATE OR REPLACE TEMP MACRO cut(text, size) AS
    CASE WHEN strlen(text) <= size THEN text
        WHEN regexp_matches(left(text, size), '[^\x{0}-\x{FFFF}]') THEN left(text, size // 2)
        ELSE left(text, size) END;

-- The key of an item that has none across mailboxes. Hashed because Outlook's ids differ by case alone, which
-- databases and spreadsheets overlook.
CREATE OR REPLACE TEMP MACRO row_key(puser, id) AS
    'row:' || hash_of([puser, id]);

CREATE OR REPLACE TEMP MACRO address_of(text) AS
    key_of(nullif(lower(trim(text)), ''), 320);

CREATE OR REPLACE TEMP MACRO domain_of(address) AS
    CASE WHEN contains(address, '@') THEN nullif(split_part(address, '@', -1), '') END;

-- The domain of a guest: the sign-in name holds the address of the guest's own organization,
-- ann_fabrikam.com#ext#@contoso.com.
CREATE OR REPLACE TEMP MACRO domain_in_guest_name(text) AS
    nullif(regexp_extract(lower(text), '_([^_]+)#ext#', 1), '');

-- A time in UTC as the clocks of a zone show it, and the other way; without regard to the session's zone.
CREATE OR REPLACE TEMP MACRO local_time(moment, zone) AS timezone(zone, timezone('UTC', moment));
CREATE OR REPLACE TEMP MACRO at_utc(moment, zone) AS timezone('UTC', timezone(zone, moment));

-- Minutes of the day in "08:30:00.0000000", as Graph writes it, and in "1970-01-01T08:30:00Z", as Data Connect does.
CREATE OR REPLACE TEMP MACRO minutes_in(text) AS
    TRY_CAST(regexp_extract(text, '(\d{2}):(\d{2})', 1) AS INTEGER) * 60
    + TRY_CAST(regexp_extract(text, '(\d{2}):(\d{2})', 2) AS INTEGER);

CREATE OR REPLACE TEMP MACRO is_work_day(date, work_days) AS
    list_contains(string_split(work_days, ','), lower(dayname(date)));

-- Whether a local time lies outside the working hours; they begin with their first minute and end before their last.
CREATE OR REPLACE TEMP MACRO is_after_hours(local, work_days, work_starts, work_ends) AS
    NOT is_work_day(local, work_days)
    OR hour(local) * 60 + minute(local) NOT BETWEEN work_starts AND work_ends - 1;

-- What the occurrences of a series share of their iCalUIds. Outlook's begin with a fixed id of 16 bytes, in hexadecimal
-- digits; the 4 bytes after it are the occurrence's date, and zero in the whole series' id (MS-OXOCAL, 2.2.1.27-28).
CREATE OR REPLACE TEMP MACRO series_of(i_cal_u_id) AS
    key_of(nullif(regexp_replace(
        trim(i_cal_u_id), '^(040000008200E00074C5B7101A82E008)[0-9A-F]{8}', '\100000000', 'i'
    ), ''), 400);

-- A sender whose shape is not documented, as JSON in one spelling: emailaddress.address or user.id.
CREATE OR REPLACE TEMP MACRO sender_of(value) AS
    TRY_CAST(lower(TRY_CAST(value AS JSON)::VARCHAR) AS JSON);

-- Who took part in a call: the Entra object id, or a hash of the name where there is none, as for a phone.
CREATE OR REPLACE TEMP MACRO participant_of(identity) AS
    coalesce(
        key_of(nullif(identity."userAADObjectId", ''), 100),
        'sha256:' || hash_of([identity."tenantId", identity."recipientType", identity."displayName"])
    );

-- OneDrive's sync app of one user on one device, which has an id that the app alone knows.
CREATE OR REPLACE TEMP MACRO sync_app_id_of(device_id, puser) AS
    hash_of([device_id, puser]);

CREATE OR REPLACE TEMP MACRO week_start_of(date) AS
    date_trunc('week', date)::DATE;
-- A number, or zero where it is less; unlike greatest(0, number), null where it is not known.
CREATE OR REPLACE TEMP MACRO not_below_zero(number) AS
    CASE WHEN number < 0 THEN 0 ELSE number END;

-- A GUID, or null where all of it is zero: Microsoft's way to say that there is none.
CREATE OR REPLACE TEMP MACRO no_guid(text) AS
    nullif(nullif(lower(text), '00000000-0000-0000-0000-000000000000'), '');

-- A name without what differs where the same one is written twice: case, blanks of any kind, composed letters.
CREATE OR REPLACE TEMP MACRO squeezed(name) AS
    as_compared(regexp_replace(name, '[\s\p{Z}]', '', 'g'));

-- Whom SharePoint grants something: by the newer word for the type, the older one, and what names the grantee.
CREATE OR REPLACE TEMP MACRO grantee_kind(said_since, said, names) AS CASE
    WHEN lower(said_since) IN ('externaluser', 'b2buser') OR lower(said) = 'external'
        OR contains(lower(names), '#ext#') OR contains(lower(names), 'urn:spo:guest') THEN 'guest'
    WHEN lower(coalesce(said_since, said)) = 'securitygroup' THEN 'security_group'
    WHEN lower(coalesce(said_since, said)) = 'sharepointgroup' THEN 'sharepoint_group'
    WHEN lower(coalesce(said_since, said)) IN ('internaluser', 'internal', 'user') THEN 'internal'
    ELSE 'other'
END;

-- Built-in groups of SharePoint by the claim in their login name, or by their English name where no login is told.
-- Sign-in names: spo-grid-all-users holds the members, the others guests.
CREATE OR REPLACE TEMP MACRO everyone_except_external_claims() AS
    {'claim': 'everyone_except_external', 'logins': ['spo-grid-all-users'], 'names': ['everyoneexceptexternalusers']};

CREATE OR REPLACE TEMP MACRO everyone_claims() AS
    {'claim': 'everyone', 'logins': ['c:0(.s|true', 'c:0!.s|windows', 'c:0!.s|forms:membership'],
     'names': ['everyone', 'allauthenticatedusers', 'allusers(windows)', 'allusers(membership)']};

CREATE OR REPLACE TEMP MACRO carries(login, claims) AS
    len(list_filter(claims.logins, lambda known: contains(coalesce(lower(login), ''), known))) > 0;

-- Learned is the claim that goes by the name in the tenant's own rows, or in the customer's settings.
CREATE OR REPLACE TEMP MACRO is_claim(kind, login, name, learned, claims) AS
    carries(login, claims) OR (
        kind = 'security_group' AND login IS NULL
        AND coalesce(list_contains(claims.names, name) OR learned = claims.claim, false)
    );

-- How many grantees are of some kinds: what SharePoint counted, or where it did not, those that it names.
CREATE OR REPLACE TEMP MACRO grantees_of(counted, named, kinds) AS
    coalesce(
        CASE WHEN len(counted) > 0 THEN coalesce(list_sum(list_transform(
            list_filter(counted, lambda c: list_contains(kinds, lower(c."type"))), lambda c: c."count"
        )), 0) END,
        len(list_filter(named, lambda g: list_contains(kinds, lower(g."type")))),
        0
    );
