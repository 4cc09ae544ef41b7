-- Run once, behind the last call of a script.

for _, sender in ipairs(senders) do publish(announcements[sender]) end
